"""`footfall init` on a real folder, and `footfall query` before and after there is something."""

import io
import stat
from pathlib import Path

import duckdb
import pytest
import yaml

from dagster_project.cli import main
from dagster_project.cli.init import initialise
from dagster_project.ingest.vault import Vault, VaultError
from dagster_project.serving import publish
from dagster_project.state import StatePaths


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # main() sets these for its own process; monkeypatch puts them back.
    for name in ("FOOTFALL_HOME", "DAGSTER_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path / "deep" / "home"


def test_init_makes_a_private_folder_with_settings_and_keys(home: Path) -> None:
    assert main(["--home", str(home), "init"]) == 0

    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "secrets").stat().st_mode) == 0o700
    for file in ("secrets/installation.key", "secrets/vault.sqlite"):
        assert stat.S_IMODE((home / file).stat().st_mode) == 0o600
    assert (home / "footfall.yml").is_file()
    assert (home / "landing" / "shop").is_dir()


def test_init_again_changes_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--home", str(home), "init"])
    (home / "footfall.yml").write_text("sources: {app: {format: canonical}}\n")
    (home / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (home / "landing" / "app").mkdir()
    before = contents(home)
    capsys.readouterr()

    assert main(["--home", str(home), "init"]) == 0
    assert contents(home) == before
    assert capsys.readouterr().out == f"{home}: was ready, nothing changed\n"


def contents(home: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in sorted(home.rglob("*"))}


def test_init_mends_what_a_kill_left_out(home: Path) -> None:
    home.mkdir(parents=True)
    (home / "footfall.yml").write_text("sources: {app: {format: canonical}}\n")

    assert len(initialise(StatePaths(home))) == 3  # keys, landing/app, dagster.yaml
    Vault.open(StatePaths(home)).close()


def test_init_makes_no_new_keys_beside_a_log(home: Path) -> None:
    initialise(StatePaths(home))
    for file in (home / "secrets").iterdir():
        file.unlink()
    (home / "log" / "manifests").mkdir(parents=True)
    (home / "log" / "manifests" / "HEAD").write_text("{}")

    with pytest.raises(VaultError, match="restore secrets/ from its backup"):
        initialise(StatePaths(home))


def test_init_says_which_line_of_the_settings_is_wrong(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir(parents=True)
    (home / "footfall.yml").write_text("sources:\n  app: {format: nonsense}\n")

    assert main(["--home", str(home), "init"]) == 2
    assert "footfall.yml:2" in capsys.readouterr().err


def test_dagster_takes_the_settings_and_limits_the_pool(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dagster as dg

    initialise(StatePaths(home))
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        assert instance.telemetry_enabled is False
        assert instance.nux_enabled is False
        pools = instance.get_concurrency_config().pool_config
        assert pools.default_pool_limit == 1
        assert pools.pool_granularity is not None
        assert pools.pool_granularity.value == "op"
    settings = yaml.safe_load((home / "dagster" / "dagster.yaml").read_text())
    assert set(settings) == {"telemetry", "nux", "concurrency", "storage", "run_queue"}
    # A run must leave the queue to free what killed ones hold in the pool.
    assert settings["run_queue"] == {"block_op_concurrency_limited_runs": {"enabled": False}}


def test_query_before_the_first_run_says_what_to_do(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--home", str(home), "init"])
    capsys.readouterr()

    assert main(["--home", str(home), "query", "select 1"]) == 1
    assert capsys.readouterr().err == (
        f"footfall: {home}: nothing published yet: run `footfall run`; another folder is named by "
        "--home or FOOTFALL_HOME\n"
    )


@pytest.fixture
def published(home: Path) -> Path:
    paths = StatePaths(home)
    paths.warehouse.mkdir(parents=True)
    with duckdb.connect(str(paths.warehouse_db)) as con:
        con.execute("create schema marts")
        con.execute(
            "create table marts.numbers as select range as n, null as nothing from range(150)"
        )
    publish(paths)
    return home


def test_query_prints_the_forms(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sql = "select n, nothing from marts.numbers where n < 2 order by n"
    for form, text in {
        "table": "n  nothing\n─  ───────\n0\n1\n",
        "csv": "n,nothing\n0,\n1,\n",
        "json": '[\n  {"n": 0, "nothing": null},\n  {"n": 1, "nothing": null}\n]\n',
    }.items():
        assert main(["--home", str(published), "query", sql, "--format", form]) == 0
        assert capsys.readouterr().out == text


def test_query_reads_its_statement_from_standard_input(
    published: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("select count(*) as c\nfrom marts.numbers;\n"))

    assert main(["--home", str(published), "query", "-", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "c\n150\n"


def test_table_stops_at_100_rows_and_says_so_while_csv_does_not(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--home", str(published), "query", "from marts.numbers"])
    table = capsys.readouterr()
    main(["--home", str(published), "query", "from marts.numbers", "--format", "csv"])
    plain = capsys.readouterr()

    assert table.out.count("\n") == 102
    assert table.err == "footfall: the first 100 rows; --limit 0 for all\n"
    assert plain.out.count("\n") == 151
    assert plain.err == ""


def test_error_in_the_statement_is_one_line(
    published: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--home", str(published), "query", "select no_such from marts.numbers"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("footfall: query: Binder Error: ")
    assert said.count("\n") == 1


def test_negative_limit_is_wrong_use(published: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(published), "query", "select 1", "--limit", "-1"]) == 2
