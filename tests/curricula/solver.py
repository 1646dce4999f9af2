"""Solves the demo's statements from their words alone, by other ways than the makers of the tasks took.

Arithmetic is evaluated, equations are checked by substitution, words by a rule each.
"""

from __future__ import annotations

import ast
import math
import operator
import re
import statistics
from collections.abc import Callable
from fractions import Fraction
from typing import Any

Rule = Callable[..., bool]
RULES: list[tuple[re.Pattern[str], Rule]] = []

N = r"(-?\d[\d,]*(?:\.\d+)?(?:/\d+)?)"
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: lambda base, power: base ** int(power),
}


def agrees(statement: str, answer: str) -> bool:
    """Whether the answer is right; LookupError if no rule knows the statement."""
    for pattern, rule in RULES:
        found = pattern.fullmatch(statement)
        if found:
            return rule(answer, *found.groups())
    raise LookupError(f"no rule for {statement!r}: add one here")


def rule(pattern: str) -> Callable[[Rule], Rule]:
    """`N` in the pattern is a group for a number."""

    def register(solve: Rule) -> Rule:
        RULES.append((re.compile(pattern.replace("N", N)), solve))
        return solve

    return register


def value(text: str, **names: Fraction | int) -> Fraction:
    """Exact value of an expression as it is written: "2 1/3", "3(x - 1)^2", "1,000"."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    text = re.sub(r"(?<![\d.])0+(?=\d)", "", text)
    for sign, plain in (("\u00d7", "*"), ("\u2212", "-"), ("\u00f7", "//"), ("^", "**")):
        text = text.replace(sign, plain)
    text = re.sub(r"(\d+) (\d+)/(\d+)", r"(\1+\2/\3)", text)
    # A fraction is one number: it binds tighter than the sign of division.
    text = re.sub(r"(?<![\d.)*])(\d+|x)/(\d+)", r"(\1/\2)", text).replace("//", "/")
    text = re.sub(r"\u221a(\d+)", lambda root: str(math.isqrt(int(root[1]))), text)
    text = re.sub(r"(?<=[\d)])(?=[a-z(])", "*", text)
    return _evaluate(ast.parse(text, mode="eval").body, text, {name: Fraction(v) for name, v in names.items()})


def _evaluate(node: ast.expr, text: str, names: dict[str, Fraction]) -> Fraction:
    match node:
        case ast.Constant():
            return Fraction(ast.get_source_segment(text, node) or "")
        case ast.Name(id=name):
            return names[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_evaluate(inner, text, names)
        case ast.BinOp(left=left, op=sign, right=right):
            return Fraction(_OPERATORS[type(sign)](_evaluate(left, text, names), _evaluate(right, text, names)))
    raise ValueError(f"{ast.dump(node)} in {text!r} is no arithmetic")


def numbers(text: str) -> list[Fraction]:
    return [value(found) for found in re.findall(r"-?\d+(?:\.\d+)?", text)]


def same_for_all_x(first: str, second: str) -> bool:
    return all(value(first, x=x, y=y) == value(second, x=x, y=y) for x, y in ((2, 3), (-5, 7), (11, -4)))


def is_simplest(text: str) -> bool:
    return "/" not in text or math.gcd(*map(int, text.split("/"))) == 1


def equals(pattern: str, solve: Callable[..., Fraction | int]) -> None:
    """A rule whose groups are numbers and whose answer is one number."""
    rule(pattern)(lambda answer, *groups: value(answer) == solve(*map(value, groups)))


# --- numbers ---


@rule(r"What is the value of the digit (\d) in (.*)\?")
def _(answer: str, digit: str, number: str) -> bool:
    before, _, after = number.replace(",", "").partition(".")
    powers = {place: -1 - at for at, place in enumerate(after)} | {
        place: len(before) - 1 - at for at, place in enumerate(before)
    }
    return value(answer) == int(digit) * Fraction(10) ** powers[digit]


@rule(r"Round N to the nearest (ten|hundred|thousand)\.")
def _(answer: str, number: str, unit: str) -> bool:
    size = {"ten": 10, "hundred": 100, "thousand": 1000}[unit]
    away = value(answer) - value(number)
    return value(answer) % size == 0 and -size < 2 * away <= size


@rule(r"Work out N of N\.")
def _(answer: str, part: str, whole: str) -> bool:
    return value(answer) == value(part) * value(whole)


equals(r"Work out N% of N\.", lambda percent, whole: percent * whole / 100)


@rule(r"Work out (.*)\.")
def _(answer: str, expression: str) -> bool:
    return value(answer) == value(expression) and is_simplest(answer.rpartition(" ")[2])


@rule(r"Find the missing number: (.*) = (.*)\.")
def _(answer: str, left: str, right: str) -> bool:
    left, right = left.replace("?", answer), right.replace("?", answer)
    return value(left) == value(right)


@rule(r"Divide N by N\..*")
def _(answer: str, number: str, divisor: str) -> bool:
    result, rest = answer.split(" r ")
    return value(number) == value(divisor) * value(result) + value(rest) and 0 <= value(rest) < value(divisor)


@rule(r"Is N a factor of N\?")
def _(answer: str, factor: str, number: str) -> bool:
    return (answer == "yes") == ((value(number) / value(factor)).denominator == 1)


equals(r"What is the Nth multiple of N\?", lambda place, number: sum([number] * int(place)))


@rule(r"List all factors of N, smallest first\.")
def _(answer: str, number: str) -> bool:
    listed = [int(each) for each in answer.split(", ")]
    return listed == [n for n in range(1, int(number) + 1) if (n * (int(number) // n)) == int(number)]


def _has_two_factors(number: int) -> bool:
    return sum(number % factor == 0 for factor in range(1, number + 1)) == 2


@rule(r"Is N a prime number\?")
def _(answer: str, number: str) -> bool:
    return (answer == "yes") == _has_two_factors(int(number))


@rule(r"What is the smallest prime number greater than N\?")
def _(answer: str, start: str) -> bool:
    return [n for n in range(int(start) + 1, int(answer) + 1) if _has_two_factors(n)] == [int(answer)]


@rule(r"Write N as a product of prime numbers.*")
def _(answer: str, number: str) -> bool:
    primes = [int(each) for each in answer.split(" x ")]
    return math.prod(primes) == value(number) and all(map(_has_two_factors, primes)) and primes == sorted(primes)


@rule(r"What is the (greatest common factor|least common multiple) of N and N\?")
def _(answer: str, asked: str, first: str, second: str) -> bool:
    a, b = int(first), int(second)
    if asked.startswith("greatest"):
        return int(answer) == max(n for n in range(1, a + 1) if a % n == b % n == 0)
    return int(answer) == min(n for n in range(a, a * b + 1, a) if n % b == 0)


@rule(r"What (?:comes next in|is number (\d+) of) the pattern (.*), \.\.\.\?")
def _(answer: str, place: str | None, shown: str) -> bool:
    known = numbers(shown)
    if known[1] - known[0] == known[2] - known[1]:
        return value(answer) == known[0] + (known[1] - known[0]) * ((int(place) if place else 5) - 1)
    return place is None and value(answer) / known[3] == known[3] / known[2] == known[1] / known[0]


# --- fractions and decimals ---

equals(r"A \w+ is cut into N equal parts. What fraction of it are N parts\?", lambda parts, some: some / parts)
equals(r"\w+ uses N of a \w+\. What fraction of it is left\?", lambda used: 1 - used)
equals(
    r"A \w+ is cut into N equal parts. How many parts are there in N such \w+\?", lambda parts, wholes: parts * wholes
)
equals(
    r"On a number line, the part from N to N is divided into N equal steps\. .* is N steps to the right of N\?.*",
    lambda low, high, steps, right, start: start + right * (high - low) / steps,
)


@rule(r"Which is greater, (.*) or (.*)\?")
def _(answer: str, first: str, second: str) -> bool:
    return value(answer) == max(value(first), value(second)) and answer in (first, second)


@rule(r"Write (.*) (as a mixed number|as an improper fraction|in its simplest form|as a decimal)\.")
def _(answer: str, given: str, form: str) -> bool:
    if given.startswith("the ratio "):
        first, second = numbers(given)
        left, right = map(int, answer.split(":"))
        return first / second == Fraction(left, right) and math.gcd(left, right) == 1
    wanted = {"mixed number": r"\d+ \d+/\d+", "decimal": r"\d+\.\d+"}.get(form.rpartition(" a ")[2], r"\d+/\d+")
    percent = given.removesuffix("% as a fraction")
    amount = value(given) if percent == given else value(percent) / 100
    return bool(re.fullmatch(wanted, answer)) and value(answer) == amount and is_simplest(answer.rpartition(" ")[2])


@rule(r"Write N as a percentage\.")
def _(answer: str, given: str) -> bool:
    return answer.endswith("%") and value(answer[:-1]) / 100 == value(given)


@rule(r"Write as a decimal: N ones and N (tenths|hundredths)\.")
def _(answer: str, ones: str, count: str, unit: str) -> bool:
    return value(answer) == value(ones) + value(count) / {"tenths": 10, "hundredths": 100}[unit]


@rule(r"Which fraction equals N\?")
def _(answer: str, decimal: str) -> bool:
    return value(answer) == value(decimal)


# --- stories with numbers ---

equals(r"\w+ buys N boxes of N pencils and gives away N of .*", lambda boxes, each, given: boxes * each - given)
equals(r"\w+ has N stickers and \w+ has N\. .* among N friends\..*", lambda a, b, friends: (a + b) / friends)
equals(
    r"\w+ pays for N tickets at N euros each and a guide book for N euros\. How much change is there from N euros\?",
    lambda tickets, price, book, paid: paid - (tickets * price + book),
)
equals(r"\w+ has N marbles and gives N of them away\. .*", lambda whole, part: whole * (1 - part))
equals(r"N notebooks cost N euros\. .*", lambda count, cost: cost / count)
equals(r"A machine fills N bottles in N minutes\. .* in N minutes\?", lambda done, took, asked: done * asked / took)
equals(r"N kg of apples cost N euros\. How many euros does 1 kg cost\?", lambda weight, cost: cost / weight)
equals(r"A recipe for N people needs N cups of rice\. .* for N people\?", lambda some, cups, more: cups / some * more)
equals(r"A bus travels N km in N hours\. .*", lambda km, hours: km / hours)
equals(r"A train goes N km per hour\. .* in N hours\?", lambda pace, hours: pace * hours)
equals(r"A cyclist rides at N km per hour\. .* in N minutes\?", lambda pace, minutes: pace * minutes / 60)
equals(r"A price of N euros falls by N%\. .*", lambda old, percent: old - old * percent / 100)
equals(r"A price of N euros rises by N%\. .*", lambda old, percent: old + old * percent / 100)
equals(r"A price \w+ from N euros to N euros\. .*", lambda old, new: abs(new - old) / old * 100)
equals(r"N euros earn N% .* interest is that in N years?\?", lambda a, percent, years: a * percent / 100 * years)
equals(r"N euros earn N% .* in all after N years?\?", lambda a, percent, years: a * (1 + percent / 100 * years))
equals(r"N% of a number is N\. What is the number\?", lambda percent, part: part / (percent / 100))
equals(r"After being raised by N%, a price is N euros\. .*", lambda percent, price: price / (1 + percent / 100))
equals(r"After being reduced by N%, a price is N euros\. .*", lambda percent, price: price / (1 - percent / 100))
equals(r"A model is built at a scale of 1:N\. It is N cm long\. .*", lambda scale, length: scale * length)
equals(r"A (?:plan|map) has a scale of 1:N\. A \w+ is N cm on it\. .*", lambda scale, length: scale * length / 100)
equals(r"It is N degrees, and it gets N degrees colder\. .*", lambda now, colder: now - colder)


@rule(r"A bag holds N red and N blue beads\. .*")
def _(answer: str, red: str, blue: str) -> bool:
    left, right = map(int, answer.split(":"))
    return left * value(blue) == right * value(red) and math.gcd(left, right) == 1


@rule(r"(.*) share N euros in the ratio ([\d:]+)\. How many euros does (\w+) get\?")
def _(answer: str, people: str, whole: str, ratio: str, asked: str) -> bool:
    shares = dict(zip(re.findall(r"[A-Z]\w+", people), numbers(ratio), strict=True))
    return value(answer) / value(whole) == shares[asked] / sum(shares.values())


@rule(r"Order from smallest to greatest: (.*)\.")
def _(answer: str, given: str) -> bool:
    listed = numbers(answer)
    return sorted(numbers(given)) == listed and len(set(listed)) == len(listed)


# --- algebra ---


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
