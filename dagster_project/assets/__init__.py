"""Assets: thin. Each reads, calls, writes and reports.

Not here: rules, which live in `dbt/`, `ml/`, `expectations/` and `ingest/`.
"""
