"""Models of footfall: pure functions from arrays and Arrow tables to arrays and Arrow tables.

Nothing in this package opens a file or a database, reads the clock, or draws from a global random
generator. What a model of partition D may know is decided by who hands over the tables.
"""
