"""Rules for calculations, and for stories with numbers."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from tests.curricula.solver.engine import equals, is_simplest, numbers, rule, value


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
