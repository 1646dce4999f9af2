"""Content: curricula, their immutable published versions, and the snapshot that everything reads at run time.

The lowest layer: it knows no learner, no school model and no learner model. A school appears only as an opaque owner.
"""
