"""Repeatable measurements of cost; nothing here is a test.

Belongs here: programs that time a stage in a process of its own and print a table. What was seen is
written into `docs/benchmarks.md` by hand, with the machine's size. Not here: bounds that a build
has to keep, which are counts of rows scanned and live in `tests/laws/`.
"""
