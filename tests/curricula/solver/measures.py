"""Rules for geometry, measurement, statistics and probability."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable
from fractions import Fraction

from tests.curricula.solver.engine import equals, is_simplest, numbers, rule, value

# --- geometry and measurement ---
equals(r"A rectangle is N cm wide and N cm long\. What is its perimeter in cm\?", lambda a, b: a + b + a + b)
equals(r"All N sides of a shape are N cm long\. .*", lambda sides, length: sides * length)
equals(r"A rectangle has a perimeter of N cm and is N cm wide\. .*", lambda around, width: (around - 2 * width) / 2)
equals(r"A rectangle is N cm wide and N cm long\. What is its area in square cm\?", lambda a, b: a * b)
equals(r"A rectangle has an area of N square cm and is N cm wide\. .*", lambda area, width: area / width)
equals(
    r"A square with sides of N cm .* is N cm wide and N cm long\. How many square cm are left\?",
    lambda cut, a, b: (a - cut) * b + cut * (b - cut),
)
equals(r"Two angles make a straight line\. One is N degrees\. .*", lambda one: 180 - one)
equals(r"Two angles make a right angle\. One is N degrees\. .*", lambda one: 90 - one)
equals(r"Four angles .* Three are N, N and N degrees\. .*", lambda a, b, c: 360 - a - b - c)
equals(r"Two angles of a triangle are N and N degrees\. .*", lambda a, b: 180 - a - b)
equals(r"A triangle has two equal sides, and N degrees between them\. .*", lambda apex: (180 - apex) / 2)
equals(
    r"The angles of a triangle are in the ratio N:N:N\. How many degrees is the greatest\?",
    lambda *ratio: 180 * max(ratio) / sum(ratio),
)
equals(r"A triangle has a base of N cm and a height of N cm\. .*", lambda base, height: base * height / 2)
equals(r"A triangle has an area of N square cm and a base of N cm\. .*", lambda area, base: area / base * 2)
equals(
    r"A trapezium has parallel sides of N cm and N cm that are N cm apart\. .*",
    lambda a, b, height: a * height / 2 + b * height / 2,
)
equals(r"A box is N cm by N cm by N cm\. What is its volume in cubic cm\?", lambda a, b, c: a * b * c)
equals(r"A box has a volume of N cubic cm\. Its base is N cm by N cm\. .*", lambda v, a, b: v / a / b)
equals(r"A cube has sides of N cm\. .*", lambda side: 6 * side**2)
equals(r"A box is N cm by N cm by N cm\. What is its surface .*", lambda a, b, c: (a + b) * 2 * c + 2 * a * b)
equals(r"A box is N cm by N cm by N cm high and has no lid\. .*", lambda a, b, c: (a + b) * 2 * c + a * b)
equals(r"The short sides of a right triangle are N cm and N cm\. .*", lambda a, b: math.isqrt(int(a * a + b * b)))
equals(
    r"The longest side of a right triangle is N cm, another N cm\. .*",
    lambda longest, side: math.isqrt(int((longest - side) * (longest + side))),
)
equals(
    r"How far apart are the points \(N, N\) and \(N, N\)\?",
    lambda a, b, c, d: math.isqrt(int((a - c) ** 2 + (b - d) ** 2)),
)
equals(r"A photo of N cm by N cm is enlarged N times\. .*", lambda a, b, factor: max(a * factor, b * factor))
equals(r"Two triangles are similar\. Sides of N cm and N cm .* match N cm and x cm .*", lambda a, b, c: b * c / a)
equals(r"The sides of a shape with an area of N .* are made N times as long\. .*", lambda a, f: a * f * f)
equals(r"A cylinder has a volume of Npi cubic cm and a radius of N cm\. .*", lambda v, r: v / r / r)


def in_pi(pattern: str, solve: Callable[..., Fraction | int]) -> None:
    rule(pattern)(lambda answer, *groups: value(answer.removesuffix("pi")) == solve(*map(value, groups)))


in_pi(r"A circle has a radius of N cm\. What is its circumference .*", lambda r: r + r)
in_pi(r"A circle has a radius of N cm\. What is its area .*", lambda r: r * r)
in_pi(r"A circle has an area of Npi square cm\. .*", lambda area: 2 * math.isqrt(int(area)))
in_pi(r"A cylinder has a radius of N cm and is N cm high\. .*", lambda r, height: r * r * height)
in_pi(r"A cone has a radius of N cm and is N cm high\. .*", lambda r, height: r * r * height / 3)


@rule(r"A film starts at (\d+):(\d+) and lasts N minutes\. .*")
def _(answer: str, hour: str, minute: str, lasts: str) -> bool:
    ends = [int(part) for part in answer.split(":")]
    return (ends[0] - int(hour)) * 60 + ends[1] - int(minute) == value(lasts) and 0 <= ends[1] < 60


equals(
    r"A train leaves at (\d+):(\d+) and arrives at (\d+):(\d+)\. .*",
    lambda hour, minute, until, to: (until - hour) * 60 + to - minute,
)

#: Each unit in its smallest companion.
UNITS = {"mm": 1, "cm": 10, "m": 1_000, "km": 1_000_000, "g": 1, "kg": 1_000, "ml": 1, "l": 1_000}


@rule(r"How many (\w+) are N (\w+)\?")
def _(answer: str, unit: str, amount: str, given: str) -> bool:
    return value(answer) * UNITS[unit] == value(amount) * UNITS[given]


@rule(r"N (\w+) are taken from N (\w+)\. How many (\w+) are left\?")
def _(answer: str, taken: str, small: str, whole: str, big: str, unit: str) -> bool:
    return value(answer) * UNITS[unit] + value(taken) * UNITS[small] == value(whole) * UNITS[big]


# --- statistics and probability ---
@rule(r"A library lends these numbers of books: (.*)\. (.*)")
def _(answer: str, shown: str, asked: str) -> bool:
    counts = {day: int(count) for day, count in re.findall(r"(\w+) (\d+)", shown)}
    if asked.startswith("On which"):
        return all(counts[answer] > count for day, count in counts.items() if day != answer)
    spread = max(counts.values()) - min(counts.values())
    return int(answer) == (spread if asked.startswith("How many more") else sum(counts.values()))


@rule(r"What is the (mean|median|range) of (.*)\?")
def _(answer: str, asked: str, shown: str) -> bool:
    known = numbers(shown)
    solved = {"mean": statistics.mean, "median": statistics.median, "range": lambda x: max(x) - min(x)}[asked](known)
    return value(answer) == solved


@rule(r"The mean of N numbers is N\. All but one of them are (.*)\. What is the missing number\?")
def _(answer: str, count: str, mean: str, shown: str) -> bool:
    known = [*numbers(shown), value(answer)]
    return len(known) == int(count) and statistics.mean(known) == value(mean)


@rule(r"A bag holds (.*) marbles\. One is drawn blindly\. What is the probability that it is (not )?(\w+)\?")
def _(answer: str, shown: str, other: str | None, colour: str) -> bool:
    marbles = [name for count, name in re.findall(r"(\d+) (\w+)", shown) for _ in range(int(count))]
    wanted = [name for name in marbles if (name == colour) != bool(other)]
    return value(answer) == Fraction(len(wanted), len(marbles)) and is_simplest(answer)


equals(r"A spinner lands on green with probability N\. \w+ spins it N times\. .*", lambda chance, n: chance * n)
equals(r"\w+ spins a spinner N times, and it lands on green N times\. .*", lambda n, green: green / n)


@rule(r"A coin is tossed and a fair die with faces 1 to N is rolled\. .* of at most N\?")
def _(answer: str, sides: str, most: str) -> bool:
    outcomes = [(heads, face) for heads in (True, False) for face in range(1, int(sides) + 1)]
    return value(answer) == Fraction(sum(heads and face <= int(most) for heads, face in outcomes), len(outcomes))


@rule(r"A bag holds N red and N blue marbles\. One is drawn(, put back,| and kept,) and another is drawn\. .* red\?")
def _(answer: str, red: str, blue: str, then: str) -> bool:
    bag = range(int(red) + int(blue))
    pairs = [(a, b) for a in bag for b in bag if a != b or "back" in then]
    both = sum(a < int(red) and b < int(red) for a, b in pairs)
    return value(answer) == Fraction(both, len(pairs)) and is_simplest(answer)
