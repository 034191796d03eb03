"""What was published and sent, and when: the state that no rebuild can give back.

Records are no function of the log. They are only ever added to, under a chain of hashes of their
own, and an erasure is the one thing that may write a part anew. What is derived from them is dbt's
business. No Dagster here.
"""
