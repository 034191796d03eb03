"""The rules of experiments, each broken on purpose, and who notices.

Belongs here: what is broken in the models of exposures, units and their sums. Not here: how a rule
is broken and applied (`broken_rules`).
"""

BROKEN_EXPERIMENT_INPUTS = ()
