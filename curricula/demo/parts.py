"""Tasks on fractions and decimals."""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random

from curricula.demo.builder import NAMES, Task, Topic, decimal, mixed, shuffled


def _proper(draw: Random, denominators: tuple[int, ...]) -> Fraction:
    """In lowest terms, above 0 and below 1."""
    denominator = draw.choice(denominators)
    return Fraction(draw.choice([1, *_coprime(denominator)]), denominator)


def _coprime(parts: int) -> list[int]:
    """Numbers of parts, from 2, that make a fraction in lowest terms."""
    return [number for number in range(2, parts) if math.gcd(number, parts) == 1]


def unit_fractions(draw: Random, level: int) -> Task:
    parts = draw.randint(*((3, 8), (5, 10), (6, 12))[level])
    some = draw.choice(_coprime(parts))
    name, thing = draw.choice(NAMES), draw.choice(["cake", "pizza", "ribbon", "tart"])
    if level == 0:
        statement = f"A {thing} is cut into {parts} equal parts. What fraction of it are {some} parts?"
        return Task(statement, f"{some}/{parts}")
    if level == 1:
        statement = f"{name} uses {some}/{parts} of a {thing}. What fraction of it is left?"
        return Task(statement, f"{parts - some}/{parts}")
    statement = f"A {thing} is cut into {parts} equal parts. How many parts are there in {some} such {thing}s?"
    return Task(statement, str(parts * some), harder=0.1)


def fractions_number_line(draw: Random, level: int) -> Task:
    parts = draw.randint(3, 8)
    low = (0, 1, 4)[level] * draw.choice([1, 1, 2])
    step = draw.choice(_coprime(parts))
    value = low + Fraction(step, parts)
    statement = (
        f"On a number line, the part from {low} to {low + 1} is divided into {parts} equal steps. "
        f"Which number is {step} steps to the right of {low}? Give a fraction."
    )
    return Task(statement, f"{low * parts + step}/{parts}", harder=0.1 * (value > 4))


def equivalent_fractions(draw: Random, level: int) -> Task:
    value = _proper(draw, ((2, 3, 4), (4, 5, 6, 8), (7, 8, 9, 12))[level])
    factor = draw.randint(*((2, 4), (3, 7), (6, 12))[level])
    top, bottom = value.numerator * factor, value.denominator * factor
    if draw.random() < 0.5:
        return Task(f"Find the missing number: {value} = ?/{bottom}.", str(top))
    return Task(f"Find the missing number: {value} = {top}/?.", str(bottom), harder=0.2)


def comparing_fractions(draw: Random, level: int) -> Task:
    denominators = ((4, 6, 8), (3, 5, 8, 10), (7, 9, 11, 12))[level]
    first = _proper(draw, denominators)
    second = _proper(draw, denominators)
    while second == first or (level == 0) != (second.denominator == first.denominator):
        first, second = _proper(draw, denominators), _proper(draw, denominators)
    close = abs(first - second) < Fraction(1, 12)
    choices = (str(first), str(second))
    return Task(f"Which is greater, {first} or {second}?", str(max(first, second)), harder=0.4 * close, choices=choices)


def simplifying_fractions(draw: Random, level: int) -> Task:
    value = _proper(draw, ((2, 3, 4), (3, 4, 5, 6), (7, 8, 9, 11))[level])
    factor = draw.choice(((2, 3, 5), (4, 6, 7), (8, 9, 12, 15))[level])
    shown = f"{value.numerator * factor}/{value.denominator * factor}"
    return Task(f"Write {shown} in its simplest form.", str(value), harder=0.2 * (factor in (7, 9, 15)))


def adding_like_fractions(draw: Random, level: int) -> Task:
    bottom = draw.choice(((5, 7, 8, 9), (6, 8, 10, 12), (8, 9, 10, 12))[level])
    first = draw.randint(1, bottom - 2)
    second = draw.randint(1, bottom - 1 - first) if level < 2 else draw.randint(bottom - first, bottom - 1)
    value = Fraction(first + second, bottom)
    harder = 0.2 * (value.denominator != bottom)
    return Task(f"Work out {first}/{bottom} + {second}/{bottom}.", mixed(value), harder)


def mixed_numbers(draw: Random, level: int) -> Task:
    value = draw.randint(*((1, 2), (2, 6), (5, 12))[level]) + _proper(
        draw, ((2, 3, 4), (4, 5, 6), (7, 8, 9, 12))[level]
    )
    if draw.random() < 0.5:
        return Task(f"Write {value} as a mixed number.", mixed(value))
    return Task(f"Write {mixed(value)} as an improper fraction.", str(value), harder=0.1)


def adding_unlike_fractions(draw: Random, level: int) -> Task:
    first, second = Fraction(1), Fraction(1)
    while first.denominator == second.denominator:
        first = _proper(draw, ((2, 4), (3, 4, 5), (6, 8, 9))[level])
        second = _proper(draw, ((4, 8), (2, 5, 6), (5, 7, 12))[level])
    return Task(f"Work out {first} + {second}.", mixed(first + second), harder=0.2 * (first + second > 1))


def subtracting_fractions(draw: Random, level: int) -> Task:
    first, second = Fraction(0), Fraction(1)
    while first <= second or (level > 0 and first.denominator == second.denominator):
        first = _proper(draw, ((5, 7, 9), (3, 4, 6), (8, 9, 10))[level])
        second = _proper(draw, (first.denominator,) if level == 0 and first else ((5,), (2, 5, 8), (6, 7, 12))[level])
    return Task(f"Work out {first} - {second}.", str(first - second))


def fraction_of_a_quantity(draw: Random, level: int) -> Task:
    part = _proper(draw, ((2, 3, 4), (3, 4, 5), (6, 7, 8, 9))[level])
    if level == 0:
        part = Fraction(1, part.denominator)
    whole = part.denominator * draw.randint(*((3, 9), (4, 12), (6, 15))[level])
    if level == 2:
        name = draw.choice(NAMES)
        story = f"{name} has {whole} marbles and gives {part} of them away."
        return Task(f"{story} How many marbles are left?", str(whole - int(part * whole)), harder=0.2)
    return Task(f"Work out {part} of {whole}.", str(part * whole))


def multiplying_fractions(draw: Random, level: int) -> Task:
    first = _proper(draw, ((2, 3), (3, 4, 5), (7, 8, 9))[level])
    second = _proper(draw, ((4, 5, 7), (5, 6, 8), (10, 12, 14))[level])
    cancels = first.denominator * second.denominator != (first * second).denominator
    harder = 0.2 * cancels
    return Task(f"Work out {first} * {second}.", str(first * second), harder)


def dividing_fractions(draw: Random, level: int) -> Task:
    first = _proper(draw, ((2, 3, 4), (3, 4, 5), (7, 8, 9))[level])
    if level == 0:
        whole = draw.randint(2, 6)
        return Task(f"Work out {first} / {whole}.", str(first / whole))
    second = _proper(draw, ((), (2, 5, 6, 8), (5, 6, 10, 12))[level])
    harder = 0.2 * (first < second)
    return Task(f"Work out ({first}) / ({second}).", mixed(first / second), harder)


def mixed_number_arithmetic(draw: Random, level: int) -> Task:
    bottoms = ((2, 4), (2, 3, 4, 6), (3, 4, 5, 8))[level]
    first, second = (draw.randint(1, 4) + _proper(draw, bottoms) for _ in range(2))
    first, second = max(first, second), min(first, second)
    sign = draw.choice(("+", "+-", "+-*")[level])
    value = {"+": first + second, "-": first - second, "*": first * second}[sign]
    harder = {"+": 0.0, "-": 0.2, "*": 0.4}[sign]
    return Task(f"Work out {mixed(first)} {sign} {mixed(second)}.", mixed(value), harder)


def _decimal(draw: Random, places: int, whole: int) -> Fraction:
    """With exactly that many places."""
    digits = draw.randrange(10 ** (places - 1)) * 10 + draw.randint(1, 9)
    return draw.randint(0, whole) + Fraction(digits % 10**places, 10**places)


def decimal_place_value(draw: Random, level: int) -> Task:
    names = ("tenths", "hundredths", "thousandths")
    if level < 2:
        whole, places = draw.randint(2, 9), level + 1
        count = draw.randint(2, 10**places - 1)
        statement = f"Write as a decimal: {whole} ones and {count} {names[places - 1]}."
        return Task(statement, decimal(whole + Fraction(count, 10**places)), harder=0.3 * (count < 10 ** (places - 1)))
    digits = draw.sample(range(1, 10), 5)
    number = f"{digits[0]}{digits[1]}.{digits[2]}{digits[3]}{digits[4]}"
    place = draw.randrange(3)
    value = Fraction(digits[2 + place], 10 ** (place + 1))
    return Task(f"What is the value of the digit {digits[2 + place]} in {number}?", decimal(value), harder=0.1 * place)


def comparing_decimals(draw: Random, level: int) -> Task:
    whole = draw.randint(0, 20)
    first = _decimal(draw, 1, 0) if level else _decimal(draw, 2, 0)
    second = _decimal(draw, 2 if level < 2 else 3, 0)
    while second == first or (level == 2 and abs(first - second) > Fraction(1, 8)):
        first, second = _decimal(draw, 1 if level else 2, 0), _decimal(draw, 2 if level < 2 else 3, 0)
    # The shorter decimal being greater is what misleads those who compare digits as whole numbers.
    misleads = level > 0 and first > second
    names = (decimal(whole + first), decimal(whole + second))
    greater = decimal(whole + max(first, second))
    return Task(f"Which is greater, {names[0]} or {names[1]}?", greater, harder=0.5 * misleads, choices=names)


def adding_decimals(draw: Random, level: int) -> Task:
    first, second = _decimal(draw, 1 + (level > 0), 9), _decimal(draw, 1 + (level > 1), 20)
    if draw.random() < 0.5:
        return Task(f"Work out {decimal(first)} + {decimal(second)}.", decimal(first + second))
    return Task(f"Work out {decimal(first + second)} - {decimal(first)}.", decimal(second), harder=0.2)


def multiplying_decimals(draw: Random, level: int) -> Task:
    first = _decimal(draw, 1, (4, 9, 9)[level])
    second = draw.randint(2, 9) if level == 0 else _decimal(draw, level, (0, 0, 3)[level])
    return Task(f"Work out {decimal(first)} * {decimal(Fraction(second))}.", decimal(first * second))


def dividing_decimals(draw: Random, level: int) -> Task:
    result = _decimal(draw, 1, (3, 9, 12)[level])
    divisor = Fraction(draw.randint(2, 9)) if level == 0 else _decimal(draw, level, 0)
    return Task(
        f"Work out {decimal(result * divisor)} / {decimal(divisor)}.", decimal(result), harder=0.02 * int(result)
    )


def fractions_to_decimals(draw: Random, level: int) -> Task:
    value = _proper(draw, ((2, 4, 5, 10), (8, 20, 25), (16, 40, 125))[level])
    if draw.random() < 0.6:
        return Task(f"Write {value} as a decimal.", decimal(value))
    top, bottom = value.numerator, value.denominator
    choices = shuffled(draw, str(value), f"{top}/{bottom + 1}", f"{top + 1}/{bottom}", f"1/{bottom + 3}")
    return Task(f"Which fraction equals {decimal(value)}?", str(value), harder=0.2, choices=choices)


FRACTIONS = "Fractions"
DECIMALS = "Decimals"
TOPICS = (
    Topic("unit-fractions", "Fractions of a whole", "3", FRACTIONS, "division-facts", 0.4, unit_fractions),
    Topic(
        "fractions-number-line",
        "Fractions on the number line",
        "3",
        FRACTIONS,
        "unit-fractions",
        0.6,
        fractions_number_line,
    ),
    Topic("equivalent-fractions", "Equivalent fractions", "4", FRACTIONS, "unit-fractions", 0.5, equivalent_fractions),
    Topic(
        "comparing-fractions",
        "Comparing fractions",
        "4",
        FRACTIONS,
        "equivalent-fractions fractions-number-line",
        0.5,
        comparing_fractions,
    ),
    Topic(
        "adding-like-fractions",
        "Adding fractions of one kind",
        "4",
        FRACTIONS,
        "unit-fractions",
        0.5,
        adding_like_fractions,
    ),
    Topic("mixed-numbers", "Mixed numbers", "4", FRACTIONS, "adding-like-fractions", 0.5, mixed_numbers),
    Topic(
        "simplifying-fractions",
        "Simplest form",
        "5",
        FRACTIONS,
        "equivalent-fractions factors-multiples",
        0.5,
        simplifying_fractions,
    ),
    Topic(
        "adding-unlike-fractions",
        "Adding fractions of different kinds",
        "5",
        FRACTIONS,
        "adding-like-fractions equivalent-fractions",
        1.0,
        adding_unlike_fractions,
    ),
    Topic(
        "subtracting-fractions",
        "Subtracting fractions",
        "5",
        FRACTIONS,
        "adding-unlike-fractions",
        1.0,
        subtracting_fractions,
    ),
    Topic(
        "fraction-of-a-quantity",
        "A fraction of a quantity",
        "5",
        FRACTIONS,
        "unit-fractions",
        0.6,
        fraction_of_a_quantity,
    ),
    Topic(
        "multiplying-fractions",
        "Multiplying fractions",
        "5",
        FRACTIONS,
        "fraction-of-a-quantity simplifying-fractions",
        0.7,
        multiplying_fractions,
    ),
    Topic("dividing-fractions", "Dividing fractions", "6", FRACTIONS, "multiplying-fractions", 0.8, dividing_fractions),
    Topic(
        "mixed-number-arithmetic",
        "Calculating with mixed numbers",
        "6",
        FRACTIONS,
        "mixed-numbers subtracting-fractions multiplying-fractions",
        1.2,
        mixed_number_arithmetic,
    ),
    Topic("decimal-place-value", "Decimals", "4", DECIMALS, "place-value unit-fractions", 0.4, decimal_place_value),
    Topic("comparing-decimals", "Comparing decimals", "4", DECIMALS, "decimal-place-value", 0.3, comparing_decimals),
    Topic(
        "adding-decimals",
        "Adding and subtracting decimals",
        "5",
        DECIMALS,
        "decimal-place-value subtraction",
        0.6,
        adding_decimals,
    ),
    Topic(
        "multiplying-decimals",
        "Multiplying decimals",
        "5",
        DECIMALS,
        "decimal-place-value powers-of-ten",
        0.9,
        multiplying_decimals,
    ),
    Topic(
        "dividing-decimals",
        "Dividing decimals",
        "6",
        DECIMALS,
        "multiplying-decimals long-division",
        1.2,
        dividing_decimals,
    ),
    Topic(
        "fractions-to-decimals",
        "Fractions as decimals",
        "6",
        DECIMALS,
        "decimal-place-value simplifying-fractions long-division",
        0.7,
        fractions_to_decimals,
    ),
)
