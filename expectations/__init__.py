"""The event contract and the suites of expectations, made to be reviewed.

Here: what an event is (registry/), the rules that follow from it (contract.py), suites as data
(suites/) and their validation (validate.py). Not here: reading files, treating identifiers, or
anything that knows Dagster, dbt or the rest of the project.
"""
