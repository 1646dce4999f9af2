"""Rules for expressions, equations and functions."""

from __future__ import annotations

import math
import operator
import re
from fractions import Fraction

from tests.curricula.solver.engine import equals, numbers, rule, same_for_all_x, value


@rule(r"What is the value of (.*) when (.*)\?")
def _(answer: str, expression: str, given: str) -> bool:
    names = {name: value(number) for name, number in re.findall(r"([xy]) = (-?\d+)", given)}
    return value(answer) == value(expression, **names)


@rule(r"Which expression says: N more than x\?")
def _(answer: str, plus: str) -> bool:
    return same_for_all_x(answer, f"{plus} + x")


@rule(r"Which expression says: N less than N times x\?")
def _(answer: str, less: str, factor: str) -> bool:
    return same_for_all_x(answer, f"x * {factor} - {less}")


@rule(r"Which expression says: N times the sum of x and N\?")
def _(answer: str, factor: str, plus: str) -> bool:
    return same_for_all_x(answer, f"{factor} * x + {factor} * {plus}")


@rule(r"(?:Simplify|Expand|Expand and simplify|Factorise) ([^a].*)\.")
def _(answer: str, expression: str) -> bool:
    return same_for_all_x(answer, expression)


@rule(r"Write as one power of x: (.*)\.")
def _(answer: str, expression: str) -> bool:
    return bool(re.fullmatch(r"x\^\d+", answer)) and same_for_all_x(answer, expression)


@rule(r"Write (.*) as a whole number\.")
def _(answer: str, expression: str) -> bool:
    return value(answer) == value(expression)


@rule(r"Write N in scientific notation.*")
def _(answer: str, number: str) -> bool:
    leading, power = answer.split(" x 10^")
    return value(leading) * Fraction(10) ** int(power) == value(number) and 1 <= value(leading) < 10


@rule("Between which two whole numbers in a row does \u221aN lie.*")
def _(answer: str, number: str) -> bool:
    return value(answer) ** 2 < value(number) < (value(answer) + 1) ** 2


@rule(r"Solve for x: (.*) ([<>]) (.*)\.")
def _(answer: str, left: str, sign: str, right: str) -> bool:
    holds = {"<": operator.lt, ">": operator.gt}
    _, turned, bound = answer.split(" ")
    near = [value(bound) + Fraction(step, 10) for step in (-30, -1, 0, 1, 30)]
    return all(holds[sign](value(left, x=x), value(right, x=x)) == holds[turned](x, value(bound)) for x in near)


@rule(r"Solve for x: (.*) = ([^.]*)\.(?: Give both solutions.*)?")
def _(answer: str, left: str, right: str) -> bool:
    solutions = numbers(answer)
    in_order = solutions == sorted(set(solutions)) and len(solutions) == 1 + ("x^2" in left)
    return in_order and all(value(left, x=x) == value(right, x=x) for x in solutions)


@rule(r"Solve for x and y: (.*) = (.*) and (.*) = (.*)\.")
def _(answer: str, *sides: str) -> bool:
    names = dict(zip("xy", numbers(answer), strict=True))
    first, second, third, fourth = (value(side, **names) for side in sides)
    return first == second and third == fourth


@rule(r"In which quadrant is the point \(N, N\)\?")
def _(answer: str, x: str, y: str) -> bool:
    return "1234"[int(math.atan2(int(y), int(x)) % math.tau // (math.pi / 2))] == answer


@rule(r"The point \(N, N\) is reflected in the ([xy])-axis\. .*")
def _(answer: str, x: str, y: str, axis: str) -> bool:
    landed = complex(*map(int, (x, y))).conjugate() * (1 if axis == "x" else -1)
    return [int(landed.real), int(landed.imag)] == numbers(answer)


@rule(r"The point \(N, N\) moves N (left|right) and N (up|down)\. .*")
def _(answer: str, x: str, y: str, across: str, side: str, along: str, way: str) -> bool:
    moved = [value(across) * (1 if side == "right" else -1), value(along) * (1 if way == "up" else -1)]
    return [to - start for to, start in zip(numbers(answer), map(value, (x, y)), strict=True)] == moved


equals(r"y is proportional to x, and y = N when x = N\. What is y divided by x\?", lambda y, x: y / x)
equals(r"y is proportional to x, and y = N when x = N\. What is y when x = N\?", lambda y, x, other: y / x * other)


@rule(r"f\(x\) = (.*)\. What is f\(N\)\?")
def _(answer: str, expression: str, x: str) -> bool:
    return value(answer) == value(expression, x=value(x))


@rule(r"f\(x\) = (.*)\. For which x is f\(x\) = N\?")
def _(answer: str, expression: str, wanted: str) -> bool:
    return value(expression, x=value(answer)) == value(wanted)


equals(
    r"What is the slope of the line through \(N, N\) and \(N, N\)\?", lambda x, y, to, up: Fraction(up - y) / (to - x)
)


@rule(r"Where does the line y = (.*) cross the y-axis\? Give y\.")
def _(answer: str, expression: str) -> bool:
    return value(answer) == value(expression, x=0)


equals(r"A line has slope N and passes through \(0, N\)\. What is y at x = N\?", lambda slope, y, x: y + slope * x)


@rule(r"Which line passes through \(N, N\) and \(N, N\)\?")
def _(answer: str, *points: str) -> bool:
    a, b, c, d = map(value, points)
    expression = answer.removeprefix("y = ")
    return value(expression, x=a) == b and value(expression, x=c) == d


@rule(r"The sequence (.*), \.\.\. is arithmetic\. What is (.*)\?")
def _(answer: str, shown: str, asked: str) -> bool:
    known = numbers(shown)
    while len(known) < 60:
        known.append(2 * known[-1] - known[-2])
    place = int((numbers(asked) or [Fraction(0)])[0])
    if place == 0:
        return value(answer) == known[1] - known[0]
    return value(answer) == (sum(known[:place]) if "sum" in asked else known[place - 1])
