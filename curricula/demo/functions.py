"""Tasks on the coordinate plane and functions."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from curricula.demo.builder import Task, Topic, joined, nonzero, shuffled


def coordinate_plane(draw: Random, level: int) -> Task:
    x, y = nonzero(draw, 8), nonzero(draw, 8)
    if level == 0:
        quadrant = {(1, 1): "1", (-1, 1): "2", (-1, -1): "3", (1, -1): "4"}[x // abs(x), y // abs(y)]
        return Task(f"In which quadrant is the point ({x}, {y})?", quadrant, choices=("1", "2", "3", "4"))
    if level == 1:
        axis = draw.choice("xy")
        answer = f"({x}, {-y})" if axis == "x" else f"({-x}, {y})"
        return Task(f"The point ({x}, {y}) is reflected in the {axis}-axis. Where does it land?", answer)
    right, up = nonzero(draw, 9), nonzero(draw, 9)
    moves = f"{abs(right)} {'right' if right > 0 else 'left'} and {abs(up)} {'up' if up > 0 else 'down'}"
    answer = f"({x + right}, {y + up})"
    return Task(f"The point ({x}, {y}) moves {moves}. Where does it land?", answer)


def proportional_relationships(draw: Random, level: int) -> Task:
    factor = Fraction(draw.randint(2, 9), 1 if level < 2 else draw.choice([2, 4]))
    x, other = draw.sample(range(4, 24, 4), 2)
    given = f"y is proportional to x, and y = {factor * x} when x = {x}."
    if level == 0:
        return Task(f"{given} What is y divided by x?", str(factor))
    return Task(f"{given} What is y when x = {other}?", str(factor * other))


def function_evaluation(draw: Random, level: int) -> Task:
    factor, plus, x = draw.randint(2, 9), nonzero(draw, 12), draw.randint(2, 9)
    rule = joined((factor, "x"), (plus, ""))
    if level == 0:
        return Task(f"f(x) = {rule}. What is f({x})?", str(factor * x + plus))
    if level == 1:
        return Task(f"f(x) = {rule}. What is f({-x})?", str(plus - factor * x), also="multiplying-integers")
    return Task(f"f(x) = {rule}. For which x is f(x) = {factor * x + plus}?", str(x), also="two-step-equations")


def slope(draw: Random, level: int) -> Task:
    run, x, y = draw.randint(1, 6), nonzero(draw, 6), nonzero(draw, 6)
    value = Fraction(nonzero(draw, 6)) if level < 2 else Fraction(nonzero(draw, 9), run)
    if level == 0:
        x, y, value = abs(x), abs(y), abs(value)
    end = (x + run, y + value * run)
    statement = f"What is the slope of the line through ({x}, {y}) and ({end[0]}, {end[1]})?"
    return Task(statement, str(value), harder=0.2 * (value.denominator > 1))


def linear_functions(draw: Random, level: int) -> Task:
    factor, plus, x = nonzero(draw, 6), nonzero(draw, 9), draw.randint(1, 6)
    rule = f"y = {joined((factor, 'x'), (plus, ''))}"
    if level == 0:
        return Task(f"Where does the line {rule} cross the y-axis? Give y.", str(plus))
    if level == 1:
        statement = f"A line has slope {factor} and passes through (0, {plus}). What is y at x = {x}?"
        return Task(statement, str(factor * x + plus))
    others = ((plus, factor), (-factor, plus), (factor, -plus))
    wrong = (f"y = {joined((each, 'x'), (constant, ''))}" for each, constant in others)
    statement = f"Which line passes through ({x}, {factor * x + plus}) and (0, {plus})?"
    return Task(statement, rule, choices=shuffled(draw, rule, *wrong), also="slope")


def arithmetic_sequences(draw: Random, level: int) -> Task:
    start, step = draw.randint(1, 20), nonzero(draw, 9) if level else draw.randint(2, 9)
    given = f"The sequence {', '.join(str(start + step * place) for place in range(4))}, ... is arithmetic."
    place = draw.randint(10, 60)
    if level == 0:
        return Task(f"{given} What is its common difference?", str(step))
    if level == 1:
        value = start + step * (place - 1)
        return Task(f"{given} What is its term number {place}?", str(value), harder=0.2 * (step < 0))
    value = place * (2 * start + (place - 1) * step) // 2
    return Task(f"{given} What is the sum of its first {place} terms?", str(value))


DOMAIN = "Functions"
TOPICS = (
    Topic("coordinate-plane", "The coordinate plane", "6", DOMAIN, "negative-numbers", 0.4, coordinate_plane),
    Topic(
        "proportional-relationships",
        "Proportional relationships",
        "7",
        DOMAIN,
        "proportions coordinate-plane",
        0.8,
        proportional_relationships,
    ),
    Topic(
        "function-evaluation",
        "Functions",
        "8",
        DOMAIN,
        "multiplying-integers two-step-equations",
        0.6,
        function_evaluation,
    ),
    Topic("slope", "Slope", "8", DOMAIN, "proportional-relationships adding-integers", 0.8, slope),
    Topic("linear-functions", "Linear functions", "8", DOMAIN, "slope function-evaluation", 0.9, linear_functions),
    Topic(
        "arithmetic-sequences",
        "Arithmetic sequences",
        "9",
        DOMAIN,
        "number-patterns linear-functions",
        1.0,
        arithmetic_sequences,
    ),
)
