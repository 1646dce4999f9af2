"""Simulated worlds to judge policies in: the truth is known, the luck is the same for every policy. Numpy and scipy.

A runner goes day by day, asks `world.attendance(day)` who comes and for how long, lets a policy choose items, calls
`world.answer`, and notes `world.knowledge` at the day's end (`measures.Record`). `kt_models.synthetic` makes data sets
to fit models on; these worlds are for closed loops.
"""

from kt_models.simulate.attendance import START_SECONDS, Attendance, Visits, day_of, day_start
from kt_models.simulate.coupled import CoupledNature, CoupledWorld
from kt_models.simulate.course import Course, Shape
from kt_models.simulate.fsrs6 import FsrsNature, FsrsWorld
from kt_models.simulate.measures import Bootstrap, Record, deciles, mean_knowledge
from kt_models.simulate.power import PowerNature, PowerWorld
from kt_models.simulate.space import SpaceNature, SpaceWorld
from kt_models.simulate.unruly import UnrulyNature, UnrulyWorld
from kt_models.simulate.world import Answering, Outcome, Scene, World
from kt_models.simulate.worlds import KINDS, open_world

__all__ = [
    "KINDS",
    "START_SECONDS",
    "Answering",
    "Attendance",
    "Bootstrap",
    "CoupledNature",
    "CoupledWorld",
    "Course",
    "FsrsNature",
    "FsrsWorld",
    "Outcome",
    "PowerNature",
    "PowerWorld",
    "Record",
    "Scene",
    "Shape",
    "SpaceNature",
    "SpaceWorld",
    "UnrulyNature",
    "UnrulyWorld",
    "Visits",
    "World",
    "day_of",
    "day_start",
    "deciles",
    "mean_knowledge",
    "open_world",
]
