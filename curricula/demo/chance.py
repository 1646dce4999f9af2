"""Tasks on statistics and probability."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from curricula.demo.builder import NAMES, Task, Topic, decimal

COLOURS = ("red", "blue", "green", "yellow")


def tables(draw: Random, level: int) -> Task:
    days = ("Monday", "Tuesday", "Wednesday", "Thursday")
    counts = draw.sample(range((4, 12, 35)[level], (20, 60, 150)[level]), 4)
    shown = ", ".join(f"{day} {count}" for day, count in zip(days, counts, strict=True))
    story = f"A library lends these numbers of books: {shown}."
    if level == 0:
        return Task(f"{story} On which day are the most lent?", days[counts.index(max(counts))], choices=days)
    if level == 1:
        difference = max(counts) - min(counts)
        return Task(f"{story} How many more are lent on the best day than on the worst?", str(difference))
    return Task(f"{story} How many are lent in all four days?", str(sum(counts)), also="addition")


def mean(draw: Random, level: int) -> Task:
    count, value = (4, 5, 6)[level], draw.randint(*((5, 12), (10, 30), (12, 40))[level])
    spread = (3, 8, 11)[level]
    numbers = [value + draw.randint(-spread, spread) for _ in range(count - 1)]
    numbers.append(count * value - sum(numbers))
    if min(numbers) < 1:
        return mean(draw, level)
    if level < 2:
        return Task(f"What is the mean of {', '.join(map(str, numbers))}?", str(value))
    shown = ", ".join(map(str, numbers[:-1]))
    statement = f"The mean of {count} numbers is {value}. All but one of them are {shown}. What is the missing number?"
    return Task(statement, str(numbers[-1]), harder=0.2)


def median_range(draw: Random, level: int) -> Task:
    numbers = draw.sample(range(2, (20, 50, 90)[level]), (5, 7, 6)[level])
    shown, ordered = ", ".join(map(str, numbers)), sorted(numbers)
    if draw.random() < 0.4:
        return Task(f"What is the range of {shown}?", str(ordered[-1] - ordered[0]), harder=-0.2)
    half = len(ordered) // 2
    middle = Fraction(ordered[half]) if len(ordered) % 2 else Fraction(ordered[half - 1] + ordered[half], 2)
    return Task(f"What is the median of {shown}?", decimal(middle))


def probability(draw: Random, level: int) -> Task:
    colours = draw.sample(COLOURS, 2 + (level > 0))
    counts = [draw.randint(1, (6, 9, 12)[level]) for _ in colours]
    shown = ", ".join(f"{count} {colour}" for count, colour in zip(counts[:-1], colours[:-1], strict=True))
    story = f"A bag holds {shown} and {counts[-1]} {colours[-1]} marbles. One is drawn blindly."
    chance = Fraction(counts[0], sum(counts))
    if level < 2:
        return Task(f"{story} What is the probability that it is {colours[0]}?", str(chance))
    statement = f"{story} What is the probability that it is not {colours[0]}?"
    return Task(statement, str(1 - chance), also="simplifying-fractions")


def compound_probability(draw: Random, level: int) -> Task:
    red, blue = draw.randint(2, 8), draw.randint(2, 8)
    total = red + blue
    if level == 0:
        sides = draw.choice([4, 6, 8, 10, 12, 20])
        wanted = draw.randint(1, sides // 2)
        statement = f"A coin is tossed and a fair die with faces 1 to {sides} is rolled."
        question = f"What is the probability of heads and a number of at most {wanted}?"
        return Task(f"{statement} {question}", str(Fraction(wanted, 2 * sides)))
    story = f"A bag holds {red} red and {blue} blue marbles. One is drawn"
    if level == 1:
        chance = Fraction(red, total) ** 2
        return Task(f"{story}, put back, and another is drawn. What is the probability that both are red?", str(chance))
    chance = Fraction(red * (red - 1), total * (total - 1))
    return Task(f"{story} and kept, and another is drawn. What is the probability that both are red?", str(chance))


def expected_counts(draw: Random, level: int) -> Task:
    name = draw.choice(NAMES)
    bottom = draw.choice(((2, 4, 5), (5, 8, 10), (6, 12, 15))[level])
    top = draw.randint(1, bottom - 1)
    trials = bottom * draw.randint(*((4, 12), (10, 30), (10, 40))[level])
    if level < 2:
        story = f"A spinner lands on green with probability {Fraction(top, bottom)}. {name} spins it {trials} times."
        return Task(f"{story} How many times is green expected?", str(trials // bottom * top))
    hits = trials // bottom * top
    story = f"{name} spins a spinner {trials} times, and it lands on green {hits} times."
    return Task(f"{story} What is the relative frequency of green, in its simplest form?", str(Fraction(top, bottom)))


DOMAIN = "Statistics and probability"
TOPICS = (
    Topic("tables", "Reading tables", "3", DOMAIN, "subtraction", 0.5, tables),
    Topic("mean", "Mean", "6", DOMAIN, "tables long-division", 0.8, mean),
    Topic("median-range", "Median and range", "6", DOMAIN, "tables", 0.6, median_range),
    Topic("probability", "Probability", "7", DOMAIN, "ratios", 0.6, probability),
    Topic(
        "expected-counts", "Expected counts", "7", DOMAIN, "probability fraction-of-a-quantity", 0.7, expected_counts
    ),
    Topic(
        "compound-probability",
        "Probability of two events",
        "8",
        DOMAIN,
        "probability multiplying-fractions",
        1.1,
        compound_probability,
    ),
)
