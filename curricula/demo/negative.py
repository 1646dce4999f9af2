"""Tasks on negative numbers."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from curricula.demo.builder import Task, Topic, mixed, nonzero


def negative_numbers(draw: Random, level: int) -> Task:
    if level == 0:
        first, second = -draw.randint(1, 20), nonzero(draw, 20)
        while first == second:
            second = -draw.randint(1, 20)
        choices = (str(first), str(second))
        return Task(f"Which is greater, {first} or {second}?", str(max(first, second)), choices=choices)
    if level == 1:
        start, drop = draw.randint(2, 12), draw.randint(13, 25)
        statement = f"It is {start} degrees, and it gets {drop} degrees colder. How many degrees is it then?"
        return Task(statement, str(start - drop))
    numbers = draw.sample([number for number in range(-15, 10) if number], 4)
    answer = ", ".join(map(str, sorted(numbers)))
    return Task(f"Order from smallest to greatest: {', '.join(map(str, numbers))}.", answer)


def adding_integers(draw: Random, level: int) -> Task:
    limit = (9, 30, 90)[level]
    first, second, third = (nonzero(draw, limit) for _ in range(3))
    if level == 0:
        first, second = -abs(first), abs(second)
        return Task(f"Work out {first} + {second}.", str(first + second))
    if level == 1:
        return Task(f"Work out {first} - {_in_sum(second)}.", str(first - second), harder=0.3 * (second < 0))
    statement = f"Work out {first} + {_in_sum(second)} - {_in_sum(third)}."
    return Task(statement, str(first + second - third), harder=0.2 * (third < 0))


def multiplying_integers(draw: Random, level: int) -> Task:
    first, second, third = -draw.randint(2, 9), nonzero(draw, 9), -draw.randint(2, 6)
    if level == 0:
        return Task(f"Work out {first} * {abs(second)}.", str(first * abs(second)))
    if level == 1:
        return Task(f"Work out {first * second} / ({first}).", str(second), harder=0.2 * (second < 0))
    value = first * second - third * 2
    return Task(f"Work out ({first}) * ({second}) - ({third}) * 2.", str(value), also="adding-integers")


def rational_arithmetic(draw: Random, level: int) -> Task:
    bottoms = ((2, 4), (3, 4, 6), (5, 6, 8))[level]
    first, second = (Fraction(draw.randint(1, 2 * bottom), bottom) for bottom in (draw.choice(bottoms), bottoms[0]))
    if level == 0:
        return Task(f"Work out -{first} + {second}.", mixed(second - first))
    if level == 1:
        return Task(f"Work out -{first} - (-{second}).", mixed(second - first), harder=0.1)
    return Task(f"Work out (-{first}) / (-{second}) - 1.", mixed(first / second - 1), also="dividing-fractions")


def _in_sum(number: int) -> str:
    """In brackets behind a sign, if it has one of its own."""
    return f"({number})" if number < 0 else str(number)


DOMAIN = "Negative numbers"
TOPICS = (
    Topic(
        "negative-numbers", "Negative numbers", "6", DOMAIN, "subtraction fractions-number-line", 0.4, negative_numbers
    ),
    Topic(
        "adding-integers",
        "Adding and subtracting with negatives",
        "7",
        DOMAIN,
        "negative-numbers",
        0.5,
        adding_integers,
    ),
    Topic(
        "multiplying-integers",
        "Multiplying and dividing with negatives",
        "7",
        DOMAIN,
        "adding-integers",
        0.5,
        multiplying_integers,
    ),
    Topic(
        "rational-arithmetic",
        "Negative fractions",
        "7",
        DOMAIN,
        "multiplying-integers mixed-number-arithmetic dividing-fractions",
        1.2,
        rational_arithmetic,
    ),
)
