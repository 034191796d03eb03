"""Assets: thin. Each reads, calls, writes and reports; rules live in `dbt/`, `ml/`, `expectations/` and `ingest/`."""
