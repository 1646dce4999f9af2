"""Tasks on whole numbers."""

from __future__ import annotations

import math
from random import Random

from curricula.demo.builder import NAMES, Task, Topic, grouped


def place_value(draw: Random, level: int) -> Task:
    digits = draw.sample(range(1, 10), (3, 4, 6)[level])
    number = int("".join(map(str, digits)))
    place = draw.randrange(len(digits) - 1)
    value = digits[place] * 10 ** (len(digits) - 1 - place)
    return Task(f"What is the value of the digit {digits[place]} in {grouped(number)}?", str(value), harder=0.1 * place)


def rounding(draw: Random, level: int) -> Task:
    unit, name = ((10, "ten"), (100, "hundred"), (1000, "thousand"))[level]
    number = draw.randint(unit * 2, unit * 100)
    rounded = (number + unit // 2) // unit * unit
    carries = number // unit % 10 == 9 and rounded > number
    return Task(f"Round {grouped(number)} to the nearest {name}.", str(rounded), harder=0.5 * carries)


def _carries(first: int, second: int) -> int:
    """Columns of a sum that carry into the next."""
    carried = carry = 0
    while first or second:
        carry = (first % 10 + second % 10 + carry) // 10
        carried += carry
        first, second = first // 10, second // 10
    return carried


def addition(draw: Random, level: int) -> Task:
    low, high = ((12, 79), (120, 899), (1_500, 48_999))[level]
    first, second = draw.randint(low, high), draw.randint(low, high)
    harder = 0.15 * _carries(first, second)
    return Task(f"Work out {grouped(first)} + {grouped(second)}.", str(first + second), harder)


def subtraction(draw: Random, level: int) -> Task:
    low, high = ((11, 49), (105, 599), (1_200, 29_999))[level]
    taken, left = draw.randint(low, high), draw.randint(low, high)
    harder = 0.2 * _carries(taken, left)
    return Task(f"Work out {grouped(taken + left)} - {grouped(taken)}.", str(left), harder)


def multiplication_facts(draw: Random, level: int) -> Task:
    first, second = draw.randint(*((2, 5), (6, 9), (6, 12))[level]), draw.randint(3, 9)
    harder = 0.05 * (second - 6)
    if level == 2:
        return Task(f"Find the missing number: {first} * ? = {first * second}.", str(second), harder)
    return Task(f"Work out {first} * {second}.", str(first * second), harder)


def division_facts(draw: Random, level: int) -> Task:
    divisor, result = draw.randint(*((2, 5), (6, 9), (6, 12))[level]), draw.randint(3, 9)
    harder = 0.05 * (result - 6)
    if level == 2:
        return Task(f"Find the missing number: ? / {divisor} = {result}.", str(divisor * result), harder)
    return Task(f"Work out {divisor * result} / {divisor}.", str(result), harder)


def multi_digit_multiplication(draw: Random, level: int) -> Task:
    first = draw.randint(*((12, 49), (23, 89), (123, 489))[level])
    second = draw.randint(*((3, 8), (12, 29), (24, 79))[level])
    return Task(
        f"Work out {first} * {second}.", str(first * second), harder=0.1 * (first % 10 > 4) + 0.1 * (second > 50)
    )


def long_division(draw: Random, level: int) -> Task:
    divisor = draw.randint(*((3, 8), (4, 9), (12, 36))[level])
    result = draw.randint(*((24, 99), (103, 499), (34, 199))[level])
    rest = 0 if level == 0 else draw.randint(1, divisor - 1)
    number = divisor * result + rest
    if rest == 0:
        return Task(f"Work out {number} / {divisor}.", str(result), harder=0.1 * (divisor > 5))
    answer = f"{result} r {rest}"
    harder = 0.1 * (divisor % 10 > 5)
    return Task(
        f"Divide {grouped(number)} by {divisor}. Give the result and the remainder, like 5 r 2.", answer, harder
    )


def factors_multiples(draw: Random, level: int) -> Task:
    if level == 0:
        factor = draw.randint(3, 9)
        number = factor * draw.randint(4, 9) + draw.choice([0, 0, 1, 2])
        answer = "no" if number % factor else "yes"
        return Task(f"Is {factor} a factor of {number}?", answer, choices=("yes", "no"))
    if level == 1:
        number, place = draw.randint(3, 12), draw.randint(4, 9)
        return Task(f"What is the {place}th multiple of {number}?", str(number * place), harder=0.05 * (number - 8))
    number = draw.choice([18, 20, 24, 28, 30, 32, 36, 40, 42, 45, 48, 54, 56, 60])
    factors = [factor for factor in range(1, number + 1) if number % factor == 0]
    answer = ", ".join(map(str, factors))
    return Task(f"List all factors of {number}, smallest first.", answer, harder=0.08 * (len(factors) - 8))


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % factor for factor in range(2, math.isqrt(number) + 1))


def primes(draw: Random, level: int) -> Task:
    if level == 0:
        number = draw.choice([number for number in range(11, 100) if math.gcd(number, 10) == 1])
        answer = "yes" if _is_prime(number) else "no"
        return Task(f"Is {number} a prime number?", answer, harder=0.3 * (number > 50), choices=("yes", "no"))
    if level == 1:
        start = draw.randint(20, 90)
        prime = next(number for number in range(start + 1, 2 * start) if _is_prime(number))
        return Task(
            f"What is the smallest prime number greater than {start}?", str(prime), harder=0.1 * (prime - start - 2)
        )
    chosen = sorted(draw.choices([2, 3, 5, 7], k=draw.randint(3, 4)))
    statement = f"Write {math.prod(chosen)} as a product of prime numbers, smallest first, like 2 * 3 * 3."
    return Task(statement, " x ".join(map(str, chosen)), harder=0.2 * (len(chosen) - 3))


def gcf_lcm(draw: Random, level: int) -> Task:
    shared = draw.randint(2, (5, 7, 12)[level])
    first, second = draw.sample(((2, 3, 5), (3, 4, 5, 7), (5, 7, 8, 9))[level], 2)
    first, second = first * shared, second * shared
    if draw.random() < 0.5:
        return Task(f"What is the greatest common factor of {first} and {second}?", str(math.gcd(first, second)))
    answer = str(math.lcm(first, second))
    return Task(f"What is the least common multiple of {first} and {second}?", answer, harder=0.3)


def order_of_operations(draw: Random, level: int) -> Task:
    first, second, third, fourth = (draw.randint(2, 9) for _ in range(4))
    if level == 0:
        return Task(f"Work out {first} + {second} * {third}.", str(first + second * third))
    if level == 1:
        more = first + second * third
        return Task(f"Work out ({more} - {first}) / {second} + {fourth}.", str(third + fourth), harder=0.1)
    value = first * (second + third) - fourth * 2
    return Task(f"Work out {first} * ({second} + {third}) - {fourth} * 2.", str(value), harder=0.2 * (value < 0))


def several_steps(draw: Random, level: int) -> Task:
    name, other = draw.sample(NAMES, 2)
    boxes, each = draw.randint(3, 9), draw.randint(4, 12)
    total = boxes * each
    if level == 0:
        given = draw.randint(2, total - 3)
        story = f"{name} buys {boxes} boxes of {each} pencils and gives away {given} of the pencils."
        return Task(f"{story} How many pencils are left?", str(total - given), also="multiplication-facts")
    if level == 1:
        shared = draw.randint(2, 5)
        story = f"{name} has {boxes * shared} stickers and {other} has {each * shared}."
        question = (
            f"They put them together and share them equally among {shared} friends. How many does each friend get?"
        )
        return Task(f"{story} {question}", str(boxes + each))
    price, paid = draw.randint(3, 9), 100
    while boxes * price >= paid - each:
        price -= 1
    story = f"{name} pays for {boxes} tickets at {price} euros each and a guide book for {each} euros."
    change = paid - boxes * price - each
    return Task(f"{story} How much change is there from {paid} euros?", str(change), harder=0.2)


def powers_of_ten(draw: Random, level: int) -> Task:
    number, power = draw.randint(3, 98), 10 ** draw.randint(1, 2 + level)
    if level == 0:
        return Task(f"Work out {number} * {grouped(power)}.", str(number * power))
    if level == 1:
        return Task(f"Work out {grouped(number * power * 10)} / {grouped(power)}.", str(number * 10))
    factor = draw.randint(2, 9) * 10
    return Task(
        f"Work out {grouped(number * 100)} * {factor} / {grouped(1000)}.", str(number * factor // 10), harder=0.3
    )


def exponents(draw: Random, level: int) -> Task:
    base, power = draw.choice([(2, 3), (2, 4), (2, 5), (3, 3), (4, 3), (5, 3), (6, 2), (7, 2), (9, 2), (10, 4)])
    if level == 0:
        return Task(f"Work out {base}^{power}.", str(base**power), harder=0.1 * power - 0.3)
    other = draw.randint(2, 6)
    if level == 1:
        return Task(f"Work out {base}^{power} + {other}^2.", str(base**power + other**2))
    factor = draw.randint(2, 4)
    value = factor * other**2 - base**power
    harder = 0.3 * (value < 0)
    return Task(f"Work out {factor} * {other}^2 - {base}^{power}.", str(value), harder, also="order-of-operations")


def number_patterns(draw: Random, level: int) -> Task:
    start, step = draw.randint(1, 20), draw.randint(2, 9)
    if level == 1:
        start, step = draw.randint(1, 5), draw.randint(2, 4)
        shown = ", ".join(str(start * step**place) for place in range(4))
        return Task(f"What comes next in the pattern {shown}, ...?", str(start * step**4), harder=0.1 * step - 0.3)
    shown = ", ".join(str(start + step * place) for place in range(4))
    if level == 0:
        return Task(f"What comes next in the pattern {shown}, ...?", str(start + step * 4), harder=0.05 * step - 0.25)
    place = draw.randint(10, 30)
    return Task(f"What is number {place} of the pattern {shown}, ...?", str(start + step * (place - 1)))


DOMAIN = "Whole numbers"
TOPICS = (
    Topic("place-value", "Place value", "3", DOMAIN, "", 0.4, place_value),
    Topic("rounding", "Rounding", "3", DOMAIN, "place-value", 0.4, rounding),
    Topic("addition", "Adding whole numbers", "3", DOMAIN, "place-value", 0.5, addition),
    Topic("subtraction", "Subtracting whole numbers", "3", DOMAIN, "addition", 0.6, subtraction),
    Topic("multiplication-facts", "Multiplication facts", "3", DOMAIN, "addition", 0.2, multiplication_facts),
    Topic("division-facts", "Division facts", "3", DOMAIN, "multiplication-facts", 0.25, division_facts),
    Topic("number-patterns", "Number patterns", "4", DOMAIN, "multiplication-facts subtraction", 0.6, number_patterns),
    Topic(
        "multi-digit-multiplication",
        "Multiplying larger numbers",
        "4",
        DOMAIN,
        "multiplication-facts addition",
        1.0,
        multi_digit_multiplication,
    ),
    Topic(
        "long-division",
        "Long division",
        "4",
        DOMAIN,
        "division-facts subtraction multi-digit-multiplication",
        1.2,
        long_division,
    ),
    Topic("factors-multiples", "Factors and multiples", "4", DOMAIN, "division-facts", 0.6, factors_multiples),
    Topic("several-steps", "Problems in several steps", "4", DOMAIN, "subtraction division-facts", 1.0, several_steps),
    Topic("primes", "Prime numbers", "5", DOMAIN, "factors-multiples", 0.6, primes),
    Topic(
        "powers-of-ten",
        "Multiplying and dividing by powers of ten",
        "5",
        DOMAIN,
        "multi-digit-multiplication",
        0.4,
        powers_of_ten,
    ),
    Topic(
        "order-of-operations",
        "Order of operations",
        "5",
        DOMAIN,
        "subtraction division-facts",
        0.6,
        order_of_operations,
    ),
    Topic("gcf-lcm", "Greatest common factor, least common multiple", "6", DOMAIN, "primes", 0.8, gcf_lcm),
    Topic("exponents", "Powers", "6", DOMAIN, "order-of-operations multi-digit-multiplication", 0.6, exponents),
)
