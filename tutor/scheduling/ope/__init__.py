"""Off-policy evaluation: what another policy would have been worth, told from the log of the one that served.

`reading.read` (the decision log as columns) -> `report.evaluate` (a target policy's value, or why none can be told).
Numpy but for `reading`; chance comes from seeds.
"""
