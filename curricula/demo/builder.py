"""From topics and their task makers to a curriculum document: the same one every time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any

from curricula.document import FORMAT

LEVELS = 3
TASKS_PER_LEVEL = 4
#: Logits of an ordinary task of each level, relative to the concept's average; makers add what their numbers add.
LEVEL_LOGITS = (-1.4, 0.0, 1.4)
#: Time of each level's tasks, as a multiple of the topic's `minutes`.
LEVEL_TIMES = (1.0, 1.5, 2.25)
#: Draws before a maker that repeats itself is given up; makers draw from dozens of numbers.
MAX_DRAWS = 400

NAMES = ("Amina", "Ben", "Chen", "Dario", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kavya", "Lena")


@dataclass(frozen=True)
class Task:
    """One task. In `statement`, " * ", " / " and " - " stand for the signs; a fraction is "3/4", a power "x^2".

    `answer` and `choices` are ASCII, as they are typed. `harder` is in logits, beyond the level; `also` names a second
    concept that it exercises.
    """

    statement: str
    answer: str
    harder: float = 0.0
    choices: tuple[str, ...] = ()
    also: str | None = None


#: Makes a task of a level (0 easy, 1 middle, 2 hard) from the numbers that it draws.
Maker = Callable[[Random, int], Task]


@dataclass(frozen=True)
class Topic:
    """A concept and how its tasks are made. `needs` lists prerequisites, separated by spaces."""

    key: str
    title: str
    grade: str
    domain: str
    needs: str
    minutes: float
    make: Maker


def document(key: str, title: str, topics: Iterable[Topic]) -> dict[str, Any]:
    listed = list(topics)
    return {
        "format": FORMAT,
        "key": key,
        "title": title,
        "language": "en",
        "concepts": [_concept(topic) for topic in listed],
        "items": [item for topic in listed for item in _items(topic)],
    }


def _concept(topic: Topic) -> dict[str, Any]:
    named = {"key": topic.key, "title": topic.title, "prerequisites": topic.needs.split()}
    return named | {"grade": topic.grade, "domain": topic.domain}


def _items(topic: Topic) -> list[dict[str, Any]]:
    seen: set[str] = set()
    return [item for level in range(LEVELS) for item in _items_of_level(topic, level, seen)]


def _items_of_level(topic: Topic, level: int, seen: set[str]) -> Iterable[dict[str, Any]]:
    # A seed of text: equal on every machine, and a new topic changes no other's tasks.
    draw = Random(f"{topic.key} {level}")  # noqa: S311  # tasks, not secrets
    made = 0
    for _ in range(MAX_DRAWS):
        task = topic.make(draw, level)
        if task.statement in seen:
            continue
        seen.add(task.statement)
        made += 1
        yield _item(topic, task, level, number=level * TASKS_PER_LEVEL + made)
        if made == TASKS_PER_LEVEL:
            return
    raise ValueError(f"{topic.key} makes {made} different tasks of level {level}: let it draw from more numbers")


def _item(topic: Topic, task: Task, level: int, number: int) -> dict[str, Any]:
    item: dict[str, Any] = {
        "key": f"{topic.key}-{number}",
        "concepts": [topic.key, *([task.also] if task.also else [])],
        "statement": pretty(task.statement),
        "answer": task.answer,
        "difficulty": round(LEVEL_LOGITS[level] + task.harder, 2),
        "minutes": round(topic.minutes * LEVEL_TIMES[level], 2),
    }
    return item | ({"choices": list(task.choices)} if task.choices else {})


# --- words and signs, shared by the makers ---


def pretty(text: str) -> str:
    for plain, sign in ((" * ", " \u00d7 "), (" / ", " \u00f7 "), (" - ", " \u2212 "), ("sqrt", "\u221a")):
        text = text.replace(plain, sign)
    return text


def mixed(value: Fraction) -> str:
    """ "2 1/3", "3/4" or "5"."""
    whole, rest = divmod(abs(value), 1)
    sign = "-" if value < 0 else ""
    return sign + " ".join(str(part) for part in (int(whole), rest) if part) if value else "0"


def decimal(value: Fraction) -> str:
    """The exact decimal, without trailing zeros; only for values that have one of up to 9 places."""
    scaled = value * 10**9
    if scaled.denominator != 1:
        raise ValueError(f"{value} is no decimal of 9 places: show it as a fraction")
    return f"{'-' if value < 0 else ''}{abs(value) // 1}.{abs(scaled.numerator) % 10**9:09d}".rstrip("0").rstrip(".")


def grouped(value: int) -> str:
    """ "12,345"."""
    return f"{value:,}"


def term(factor: int, name: str) -> str:
    """ "x", "-x" or "3x"."""
    return {1: "", -1: "-"}.get(factor, str(factor)) + name


def joined(*terms: tuple[int, str]) -> str:
    """A sum as it is written: ((2, "x"), (-3, "")) is "2x - 3"."""
    text = ""
    for factor, name in terms:
        if factor == 0:
            continue
        shown = term(abs(factor), name) if name else str(abs(factor))
        text += (f" {'-' if factor < 0 else '+'} " if text else ("-" if factor < 0 else "")) + shown
    return text or "0"


def nonzero(draw: Random, limit: int) -> int:
    """From -limit to limit, but not 0."""
    return draw.choice([-1, 1]) * draw.randint(1, limit)


def shuffled(draw: Random, right: str, *wrong: str) -> tuple[str, ...]:
    """Choices in a drawn order, each once."""
    choices = list(dict.fromkeys((right, *wrong)))
    draw.shuffle(choices)
    return tuple(choices)
