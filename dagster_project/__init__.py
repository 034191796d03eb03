"""footfall's orchestration: Dagster definitions, the ingest modules and the command line.

Wiring belongs here. Rules of the business are in `dbt/`, `ml/` and `expectations/`.
"""
