"""A plausible shop with known ground truth: event lines by arrival day, and what truly happened.

Here belong the shop's goods, its persons, what they do, how their events are delivered, and the
truth. The truth is noted down from the behaviour itself, before a line is written. Beside it stand
shoppers fitted to a log (`log_model`), whose lines are like it (`log_shoppers`). No file is opened
here, and nothing else of the project is imported.
"""

from ml.simulation.settings import IDENTITY, SESSIONABLE, SHOP, Faults, Settings
from ml.simulation.shop import DayFile, Simulation

__all__ = ["IDENTITY", "SESSIONABLE", "SHOP", "DayFile", "Faults", "Settings", "Simulation"]
