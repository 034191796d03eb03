# The ways into footfall. `make demo` and `make test` set up all that they need.

export DAGSTER_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
export FOOTFALL_HOME ?= $(CURDIR)/.footfall

BIN := .venv/bin
READY := .venv/.ready
# Tests that a second process speeds up; two are enough to keep a small machine usable.
WORKERS ?= 2
LAW_SECONDS ?= 3600
LAW_SEED ?= 1
KILLS ?= 200
# DuckDB plans a statement by thousands of small allocations, which over hours of tests cost glibc
# more and more: a test of the laws takes a third less time with mimalloc, where that is installed,
# a fifth less where glibc keeps what is freed. A run of footfall gains less than runs differ by.
MIMALLOC ?= $(firstword $(wildcard /usr/lib/*-linux-gnu/libmimalloc.so.[23]))
QUICK_MALLOC := LD_PRELOAD="$(MIMALLOC)" GLIBC_TUNABLES=glibc.malloc.tcache_count=65535

.DEFAULT_GOAL := help
.PHONY: help setup demo ui test lint format laws kills models-report lock clean

help: ## Say what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Make .venv with everything in it; at once when it is there.

$(READY): requirements-dev.lock pyproject.toml .ci/setup
	@bash .ci/setup
	@touch $@

demo: setup ## Thirty days of a simulated shop, from event files to KPIs.
	@test -f "$(FOOTFALL_HOME)/footfall.yml" || $(BIN)/footfall init
	@find "$(FOOTFALL_HOME)/landing" -type f 2>/dev/null | grep -q . || $(BIN)/footfall simulate --days 30 --seed 7
	@$(BIN)/footfall run
	@echo
	@echo "Try next:"
	@echo "  $(BIN)/footfall query \"from marts.funnel_steps where dimension = 'channel' order by entry_date desc, funnel, value, step limit 8\""
	@echo "  $(BIN)/footfall query 'select person_id, order_count, monetary from marts.customer_360 order by monetary desc limit 5'"
	@echo "  make ui      # the lineage and every run, on http://127.0.0.1:3000"

ui: setup ## The Dagster UI on 127.0.0.1:3000, with the schedule's daemon.
	@$(BIN)/footfall init >/dev/null
	DAGSTER_HOME="$(FOOTFALL_HOME)/dagster" $(BIN)/dagster dev -h 127.0.0.1 -p 3000

test: setup lint ## Style, types and all tests.
	$(QUICK_MALLOC) $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup

lint: setup ## ruff, mypy, sqlfluff.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar --processes $(WORKERS) dbt/models dbt/tests

format: setup ## Put the Python into shape.
	$(BIN)/ruff check --fix --exit-zero --quiet .
	$(BIN)/ruff format .

laws: setup ## Every broken rule and kill, then random histories for LAW_SECONDS (3600), from LAW_SEED (1).
	$(QUICK_MALLOC) FOOTFALL_ALL_RULES=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup tests/laws/test_law3_mutations.py tests/laws/test_law3_kills.py
	$(QUICK_MALLOC) $(BIN)/python -m tests.laws.long --seconds $(LAW_SECONDS) --seed $(LAW_SEED)

kills: setup ## Runs killed KILLS (200) times at random, from LAW_SEED (1): the tables stay the same.
	$(QUICK_MALLOC) $(BIN)/python -W ignore -m tests.laws.random_kills --kills $(KILLS) --seed $(LAW_SEED)

models-report: setup ## Each model on real data against its baseline, into docs/models.md; needs the data sets.
	$(BIN)/python -m benchmarks.models_report

lock: setup ## Resolve the dependencies anew.
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-strip-extras --custom-compile-command 'make lock' --output-file requirements.lock
	$(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-strip-extras --custom-compile-command 'make lock' --group dev \
		--constraints requirements.lock --output-file requirements-dev.lock

clean: ## Remove .venv and what tools have left; the state folder stays.
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis dbt/target dbt/logs dist
	find dagster_project expectations ml tests -name __pycache__ -type d -prune -exec rm -rf {} +
