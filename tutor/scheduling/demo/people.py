"""Who is in class 7b. All names are made up."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

SCHOOL: Final = "Elm School"
TIMEZONE: Final = "Europe/Berlin"
CLASS: Final = "7b"
#: Of learners, classes and answers alike.
SOURCE: Final = "demo"
TEACHER: Final = ("ms.diaz@elm.example", "Ms Diaz")
ADMIN: Final = ("admin@elm.example", "Mr Okafor")


class Kind(StrEnum):
    """What a learner shows on the pages of the demo."""

    TYPICAL = "typical"
    STRONG = "strong"
    STRUGGLING = "struggling"
    #: Forgets twice as fast as others: much is due for review.
    FORGETFUL = "forgetful"
    #: No answer in the last three weeks.
    INACTIVE = "inactive"
    #: No answer at all.
    NEW = "new"


class Pupil(NamedTuple):
    """`asks`: of late, what is next, of Trellis itself; the others' questions are all set by somebody else."""

    name: str
    kind: Kind = Kind.TYPICAL
    asks: bool = False


PUPILS: Final = (
    Pupil("Bo Lindqvist", asks=True),
    Pupil("Ana Marković"),
    Pupil("Amara Nwosu", Kind.STRONG, asks=True),
    Pupil("Yusuf Demir"),
    Pupil("Mei Tanaka", Kind.STRONG),
    Pupil("Leon Fischer", Kind.STRUGGLING, asks=True),
    Pupil("Priya Raman", asks=True),
    Pupil("Noah Cohen"),
    Pupil("Lucía Herrera", Kind.FORGETFUL, asks=True),
    Pupil("Finn O'Brien"),
    Pupil("Zainab Farouk"),
    Pupil("Mateo Silva", Kind.STRUGGLING),
    Pupil("Hanna Kowalska", asks=True),
    Pupil("Kwame Boateng"),
    Pupil("Linh Nguyen", Kind.STRONG),
    Pupil("Oskar Virtanen", Kind.INACTIVE),
    Pupil("Sofia Rossi", asks=True),
    Pupil("Dmitri Orlov"),
    Pupil("Aaliyah Brooks"),
    Pupil("Jonas Weber", Kind.FORGETFUL),
    Pupil("Ines Moreau"),
    Pupil("Tariq Haddad"),
    Pupil("Freya Andersen", Kind.STRUGGLING),
    Pupil("Arjun Mehta"),
    Pupil("Chloé Dubois"),
    Pupil("Elif Şahin"),
    Pupil("Samuel Tesfaye"),
    Pupil("Nora Lund", Kind.STRONG),
    Pupil("Emre Kaya", asks=True),
    Pupil("Ivy Chen", Kind.NEW),
)


def external_id(number: int) -> str:
    """Of the pupil at a place in `PUPILS`."""
    return f"{CLASS}-{number + 1:02}"
