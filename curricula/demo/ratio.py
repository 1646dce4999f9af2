"""Tasks on ratios, rates and percent."""

from __future__ import annotations

import math
from fractions import Fraction
from random import Random

from curricula.demo.builder import NAMES, Task, Topic, decimal


def ratios(draw: Random, level: int) -> Task:
    first, second = draw.sample(range(2, (6, 9, 13)[level]), 2)
    shared = draw.randint(2, (4, 7, 12)[level])
    common = math.gcd(first, second)
    answer = f"{first // common}:{second // common}"
    if level == 2:
        counts = f"{first * shared} red and {second * shared} blue"
        return Task(f"A bag holds {counts} beads. Give the ratio of red to blue beads in its simplest form.", answer)
    return Task(f"Write the ratio {first * shared}:{second * shared} in its simplest form.", answer, 0.2 * (common > 1))


def unit_rates(draw: Random, level: int) -> Task:
    count, each = draw.randint(3, 9), draw.randint(2, 15)
    if level == 0:
        return Task(f"{count} notebooks cost {count * each} euros. How much does one cost, in euros?", str(each))
    if level == 1:
        wanted = draw.randint(10, 20)
        statement = (
            f"A machine fills {count * each} bottles in {count} minutes. How many does it fill in {wanted} minutes?"
        )
        return Task(statement, str(each * wanted))
    price = Fraction(draw.randint(11, 49), 10)
    weight = Fraction(draw.choice([3, 5, 7, 9]), 2)
    statement = f"{decimal(weight)} kg of apples cost {decimal(price * weight)} euros. How many euros does 1 kg cost?"
    return Task(statement, decimal(price), harder=0.2, also="dividing-decimals")


def ratio_sharing(draw: Random, level: int) -> Task:
    shares = [draw.randint(1, (4, 7, 9)[level]) for _ in range(2 if level < 2 else 3)]
    part = draw.randint(*((2, 8), (4, 12), (5, 15))[level])
    names = draw.sample(NAMES, len(shares))
    people = ", ".join(names[:-1]) + f" and {names[-1]}"
    asked = draw.randrange(len(shares))
    ratio = ":".join(map(str, shares))
    statement = (
        f"{people} share {part * sum(shares)} euros in the ratio {ratio}. How many euros does {names[asked]} get?"
    )
    return Task(statement, str(part * shares[asked]))


def proportions(draw: Random, level: int) -> Task:
    first, second = draw.sample(range(2, (6, 10, 13)[level]), 2)
    factor = draw.randint(2, (5, 9, 12)[level])
    if level < 2:
        return Task(f"Solve for x: {first}/{second} = x/{second * factor}.", str(first * factor))
    cups, people = first, second * 2
    more = people * Fraction(draw.choice([3, 5, 7]), 2)
    statement = f"A recipe for {people} people needs {cups} cups of rice. How many cups are needed for {more} people?"
    return Task(statement, decimal(cups * more / people), harder=0.2, also="unit-rates")


def speed(draw: Random, level: int) -> Task:
    velocity, hours = draw.randint(4, 24) * 5, draw.randint(2, 6)
    if level == 0:
        return Task(
            f"A bus travels {velocity * hours} km in {hours} hours. What is its speed in km per hour?", str(velocity)
        )
    if level == 1:
        half = hours + Fraction(1, 2)
        statement = f"A train goes {velocity * 2} km per hour. How many km does it travel in {decimal(half)} hours?"
        return Task(statement, decimal(velocity * 2 * half))
    minutes, pace = draw.choice([12, 15, 20, 24, 36, 40, 45]), 3 * draw.randint(4, 12)
    statement = f"A cyclist rides at {pace} km per hour. How many km is that in {minutes} minutes?"
    return Task(statement, decimal(Fraction(pace * minutes, 60)), harder=0.2)


def percent_basics(draw: Random, level: int) -> Task:
    bottom = ((100, 10, 2, 4), (5, 20, 25), (8, 40, 125))[level]
    denominator = draw.choice(bottom)
    value = Fraction(draw.randint(1, denominator - 1), denominator)
    shown = decimal(value * 100)
    if draw.random() < 0.5:
        return Task(f"Write {value} as a percentage.", f"{shown}%")
    return Task(f"Write {shown}% as a fraction in its simplest form.", str(value), harder=0.2)


def percent_of_quantity(draw: Random, level: int) -> Task:
    percent = draw.choice(((10, 20, 25, 50), (5, 15, 30, 40, 75), (12, 18, 35, 64, 85))[level])
    whole = draw.randint(2, 20) * (20 if level < 2 else 25)
    return Task(f"Work out {percent}% of {whole}.", decimal(Fraction(percent * whole, 100)))


def percent_change(draw: Random, level: int) -> Task:
    percent = draw.choice(((10, 20, 50), (5, 15, 25, 40), (12, 16, 24, 35))[level])
    old = draw.randint(2, 18) * (20 if level < 2 else 25)
    rises = draw.random() < 0.5
    new = old * Fraction(100 + (percent if rises else -percent), 100)
    if level < 2:
        verb = "rises" if rises else "falls"
        return Task(f"A price of {old} euros {verb} by {percent}%. What is the new price in euros?", decimal(new))
    verb = "rises" if rises else "falls"
    statement = f"A price {verb} from {old} euros to {decimal(new)} euros. By how many percent does it change?"
    return Task(statement, str(percent), harder=0.2)


def simple_interest(draw: Random, level: int) -> Task:
    amount, percent = draw.randint(2, 30) * 100, draw.randint(2, 6)
    years = (1, draw.randint(2, 5), draw.randint(3, 9))[level]
    interest = amount * percent * years // 100
    period = "1 year" if years == 1 else f"{years} years"
    story = f"{amount} euros earn {percent}% simple interest a year."
    if level < 2:
        return Task(f"{story} How many euros of interest is that in {period}?", str(interest))
    return Task(f"{story} How many euros are there in all after {period}?", str(amount + interest))


def reverse_percent(draw: Random, level: int) -> Task:
    percent = draw.choice(((10, 20, 25, 50), (10, 20, 25, 40), (15, 30, 35, 45))[level])
    whole = draw.randint(3, 18) * 20
    if level == 0:
        return Task(
            f"{percent}% of a number is {decimal(Fraction(whole * percent, 100))}. What is the number?", str(whole)
        )
    falls = level == 2 or draw.random() < 0.5
    paid = whole * Fraction(100 - percent if falls else 100 + percent, 100)
    verb = "reduced" if falls else "raised"
    statement = f"After being {verb} by {percent}%, a price is {decimal(paid)} euros. What was it before, in euros?"
    return Task(statement, str(whole), also="percent-change")


def scale_drawings(draw: Random, level: int) -> Task:
    scale = draw.choice(((2, 5, 10), (20, 50, 200), (2_000, 5_000, 25_000))[level])
    length = Fraction(draw.randint(4, 60), 2 if level else 1)
    if level == 0:
        statement = (
            f"A model is built at a scale of 1:{scale}. It is {length} cm long. How many cm long is the real thing?"
        )
        return Task(statement, str(length * scale))
    if level == 1:
        statement = (
            f"A plan has a scale of 1:{scale}. A wall is {decimal(length)} cm on it. How many metres is the real wall?"
        )
        return Task(statement, decimal(length * scale / 100))
    statement = (
        f"A map has a scale of 1:{scale}. A path is {decimal(length)} cm on it. How many metres is the real path?"
    )
    return Task(statement, decimal(length * scale / 100), harder=0.2, also="unit-conversion")


DOMAIN = "Ratios and percent"
TOPICS = (
    Topic("ratios", "Ratios", "6", DOMAIN, "simplifying-fractions", 0.5, ratios),
    Topic("unit-rates", "Rates for one", "6", DOMAIN, "ratios dividing-decimals", 0.7, unit_rates),
    Topic("ratio-sharing", "Sharing in a ratio", "6", DOMAIN, "ratios fraction-of-a-quantity", 0.9, ratio_sharing),
    Topic("percent-basics", "Percent", "6", DOMAIN, "ratios fractions-to-decimals", 0.5, percent_basics),
    Topic(
        "percent-of-quantity",
        "Percent of a quantity",
        "6",
        DOMAIN,
        "percent-basics fraction-of-a-quantity",
        0.6,
        percent_of_quantity,
    ),
    Topic("proportions", "Proportions", "7", DOMAIN, "unit-rates equivalent-fractions", 0.7, proportions),
    Topic("speed", "Speed", "7", DOMAIN, "unit-rates", 0.8, speed),
    Topic("percent-change", "Rise and fall in percent", "7", DOMAIN, "percent-of-quantity", 0.9, percent_change),
    Topic("simple-interest", "Simple interest", "7", DOMAIN, "percent-of-quantity", 0.8, simple_interest),
    Topic("scale-drawings", "Scale drawings", "7", DOMAIN, "proportions unit-conversion", 0.8, scale_drawings),
    Topic(
        "reverse-percent", "Back to the whole", "8", DOMAIN, "percent-change one-step-equations", 1.2, reverse_percent
    ),
)
