"""Ingestion: landing files to the sealed event log.

Plain modules that need no Dagster: settings, readers, mapping, treatment of personal data, vault,
quarantine, seals. Nothing here knows dbt, and nothing here reads the warehouse.
"""
