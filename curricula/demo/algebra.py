"""Tasks on expressions and equations."""

from __future__ import annotations

from random import Random

from curricula.demo.builder import Task, Topic, joined, nonzero, shuffled


def evaluating_expressions(draw: Random, level: int) -> Task:
    x, factor, plus = draw.randint(2, 9), draw.randint(2, 9), draw.randint(1, 12)
    if level == 0:
        return Task(f"What is the value of {factor}x + {plus} when x = {x}?", str(factor * x + plus))
    if level == 1:
        return Task(f"What is the value of {factor}(x + {plus}) when x = {x}?", str(factor * (x + plus)))
    y = draw.randint(2, 6)
    statement = f"What is the value of x^2 + {factor}y - {plus} when x = {x} and y = {y}?"
    return Task(statement, str(x**2 + factor * y - plus), also="exponents")


def writing_expressions(draw: Random, level: int) -> Task:
    factor, plus = draw.randint(2, 9), draw.randint(2, 12)
    if level == 0:
        right, words = f"x + {plus}", f"{plus} more than x"
        wrong = (f"{plus}x", f"x - {plus}", f"{plus} - x")
    elif level == 1:
        right, words = f"{factor}x - {plus}", f"{plus} less than {factor} times x"
        wrong = (f"{plus} - {factor}x", f"{factor}(x - {plus})", f"x - {factor * plus}")
    else:
        right, words = f"{factor}(x + {plus})", f"{factor} times the sum of x and {plus}"
        wrong = (f"{factor}x + {plus}", f"x + {factor * plus}", f"{factor + plus}x")
    return Task(f"Which expression says: {words}?", right, choices=shuffled(draw, right, *wrong))


def like_terms(draw: Random, level: int) -> Task:
    a, b, c, d = (nonzero(draw, (6, 9, 12)[level]) for _ in range(4))
    a = abs(a)
    if level == 0:
        b, c = abs(b), abs(c)
        return Task(f"Simplify {joined((a, 'x'), (b, ''), (c, 'x'))}.", joined((a + c, "x"), (b, "")))
    if level == 1:
        return Task(f"Simplify {joined((a, 'x'), (b, ''), (c, 'x'), (d, ''))}.", joined((a + c, "x"), (b + d, "")))
    return Task(f"Simplify {joined((a, 'x'), (b, 'y'), (c, 'x'), (d, 'y'))}.", joined((a + c, "x"), (b + d, "y")), 0.1)


def distributive(draw: Random, level: int) -> Task:
    factor, x, plus = draw.randint(2, 9), draw.randint(1, 5), nonzero(draw, 9)
    if level == 0:
        return Task(f"Expand {factor}(x + {abs(plus)}).", joined((factor, "x"), (factor * abs(plus), "")))
    if level == 1:
        inner = joined((x, "x"), (plus, ""))
        return Task(f"Expand -{factor}({inner}).", joined((-factor * x, "x"), (-factor * plus, "")), 0.2 * (plus < 0))
    other = draw.randint(2, 9)
    inner, outer = joined((x, "x"), (plus, "")), joined((other, "x"))
    answer = joined((other - factor * x, "x"), (-factor * plus, ""))
    return Task(f"Expand and simplify {outer} - {factor}({inner}).", answer, also="like-terms")


def exponent_laws(draw: Random, level: int) -> Task:
    first, second, third = draw.randint(4, 9), draw.randint(2, 4), draw.randint(2, 3)
    if level == 0:
        return Task(f"Write as one power of x: x^{first} * x^{second}.", f"x^{first + second}")
    if level == 1:
        choice = draw.random() < 0.5
        shown = f"x^{first + second} / x^{second}" if choice else f"(x^{first})^{second}"
        return Task(f"Write as one power of x: {shown}.", f"x^{first if choice else first * second}")
    power = first * third - second
    return Task(f"Write as one power of x: (x^{first})^{third} / x^{second}.", f"x^{power}", harder=0.1 * (third - 2))


def scientific_notation(draw: Random, level: int) -> Task:
    leading, tenths, power = draw.randint(1, 9), draw.randint(1, 9), draw.randint(3, 7)
    number = (leading * 10 + tenths) * 10 ** (power - 1)
    if level == 0:
        return Task(f"Write {leading}.{tenths} * 10^{power} as a whole number.", str(number))
    if level == 1:
        return Task(f"Write {number:,} in scientific notation, like 3.5 * 10^4.", f"{leading}.{tenths} x 10^{power}")
    zeros = "0" * (power - 1)
    statement = f"Write 0.{zeros}{leading}{tenths} in scientific notation, like 3.5 * 10^-4."
    return Task(statement, f"{leading}.{tenths} x 10^-{power}", harder=0.1 * (power - 3))


def square_roots(draw: Random, level: int) -> Task:
    root, other = draw.randint(*((4, 12), (11, 25), (4, 15))[level]), draw.randint(2, 9)
    if level < 2:
        return Task(f"Work out sqrt{root**2}.", str(root), harder=0.3 * (root > 15))
    if draw.random() < 0.5:
        number = root**2 + draw.randint(1, 2 * root)
        statement = f"Between which two whole numbers in a row does sqrt{number} lie? Give the smaller one."
        return Task(statement, str(root))
    return Task(f"Work out {other} * sqrt{root**2} - {other**2}.", str(other * root - other**2))


def factorising(draw: Random, level: int) -> Task:
    first, second = nonzero(draw, 7), nonzero(draw, 7)
    if level == 0:
        factor, plus = draw.randint(2, 9), draw.choice([1, 3, 5, 7])
        return Task(f"Factorise {2 * factor}x + {plus * factor}.", f"{factor}(2x + {plus})")
    if level == 1:
        first, second = abs(first), abs(second)
    else:
        first = -abs(first)
    while first + second == 0:
        second = nonzero(draw, 7)
    first, second = sorted((first, second))
    shown = joined((1, "x^2"), (first + second, "x"), (first * second, ""))
    factors = f"(x {_signed(first)})(x {_signed(second)})"
    return Task(f"Factorise {shown}.", factors, harder=0.2 * (first * second < 0))


def _signed(number: int) -> str:
    return f"{'-' if number < 0 else '+'} {abs(number)}"


def one_step_equations(draw: Random, level: int) -> Task:
    x, number = draw.randint(2, 15), draw.randint(2, 12)
    if level == 0:
        return Task(f"Solve for x: x + {number} = {x + number}.", str(x))
    if level == 1:
        return Task(f"Solve for x: {number}x = {number * x}.", str(x))
    return Task(f"Solve for x: x/{number} = {x + 5}.", str(number * (x + 5)), harder=0.1)


def two_step_equations(draw: Random, level: int) -> Task:
    factor, plus, x = draw.randint(2, 9), nonzero(draw, 20), draw.randint(2, 12)
    if level == 0:
        plus = abs(plus)
    if level == 2:
        factor, x = -factor, nonzero(draw, 12)
    left = joined((factor, "x"), (plus, ""))
    return Task(f"Solve for x: {left} = {factor * x + plus}.", str(x), harder=0.2 * (x < 0) + 0.1 * (plus < 0))


def equations_both_sides(draw: Random, level: int) -> Task:
    x = draw.randint(1, 9) if level < 2 else nonzero(draw, 9)
    small, extra, plus = draw.randint(2, 5), draw.randint(2, 6), nonzero(draw, 12)
    if level == 2:
        inner = joined((1, "x"), (plus, ""))
        right = joined((small + extra, "x"), (small * plus - extra * x, ""))
        return Task(f"Solve for x: {small}({inner}) = {right}.", str(x), harder=0.2 * (x < 0), also="distributive")
    plus = abs(plus) if level == 0 else plus
    left, right = joined((small + extra, "x"), (plus, "")), joined((small, "x"), (plus + extra * x, ""))
    return Task(f"Solve for x: {left} = {right}.", str(x))


def inequalities(draw: Random, level: int) -> Task:
    factor, plus, bound = draw.randint(2, 7), nonzero(draw, 12), nonzero(draw, 9)
    sign = draw.choice("<>")
    if level == 0:
        return Task(f"Solve for x: x + {abs(plus)} {sign} {bound + abs(plus)}.", f"x {sign} {bound}")
    if level == 1:
        left = joined((factor, "x"), (plus, ""))
        return Task(f"Solve for x: {left} {sign} {factor * bound + plus}.", f"x {sign} {bound}")
    left, turned = joined((-factor, "x"), (plus, "")), "<" if sign == ">" else ">"
    return Task(f"Solve for x: {left} {sign} {-factor * bound + plus}.", f"x {turned} {bound}", harder=0.2)


def simultaneous_equations(draw: Random, level: int) -> Task:
    x, y = (draw.randint(1, 9), draw.randint(1, 9)) if level < 2 else (nonzero(draw, 6), nonzero(draw, 6))
    a, b, c = draw.randint(2, 5), draw.randint(1, 4), draw.randint(2, 6)
    if level == 0:
        first, second = f"x + y = {x + y}", f"x - y = {x - y}"
    elif level == 1:
        first, second = f"y = {joined((a, 'x'), (y - a * x, ''))}", f"x + y = {x + y}"
    else:
        first = f"{joined((a, 'x'), (b, 'y'))} = {a * x + b * y}"
        second = f"{joined((c, 'x'), (-b - 1, 'y'))} = {c * x - (b + 1) * y}"
    return Task(f"Solve for x and y: {first} and {second}.", f"x = {x}, y = {y}")


def quadratic_equations(draw: Random, level: int) -> Task:
    first, second = sorted((nonzero(draw, 8), nonzero(draw, 8)))
    if level == 0:
        root = draw.randint(2, 12)
        return Task(f"Solve for x: x^2 = {root**2}. Give both solutions, smaller first.", f"-{root}, {root}")
    while first + second == 0 or first == second or (level == 1) != (first > 0):
        first, second = sorted((nonzero(draw, 8), nonzero(draw, 8)))
    left = joined((1, "x^2"), (-first - second, "x"), (first * second, ""))
    answer = f"{first}, {second}"
    return Task(f"Solve for x: {left} = 0. Give both solutions, smaller first.", answer, also="factorising")


DOMAIN = "Expressions and equations"
TOPICS = (
    Topic(
        "evaluating-expressions",
        "Values of expressions",
        "6",
        DOMAIN,
        "order-of-operations exponents",
        0.5,
        evaluating_expressions,
    ),
    Topic(
        "writing-expressions",
        "Writing expressions",
        "6",
        DOMAIN,
        "evaluating-expressions several-steps",
        0.5,
        writing_expressions,
    ),
    Topic(
        "one-step-equations", "Equations in one step", "6", DOMAIN, "evaluating-expressions", 0.4, one_step_equations
    ),
    Topic("like-terms", "Like terms", "7", DOMAIN, "evaluating-expressions adding-integers", 0.5, like_terms),
    Topic("distributive", "Expanding brackets", "7", DOMAIN, "like-terms multiplying-integers", 0.6, distributive),
    Topic(
        "two-step-equations",
        "Equations in two steps",
        "7",
        DOMAIN,
        "one-step-equations multiplying-integers",
        0.7,
        two_step_equations,
    ),
    Topic("inequalities", "Inequalities", "7", DOMAIN, "two-step-equations", 0.8, inequalities),
    Topic("exponent-laws", "Laws of powers", "8", DOMAIN, "exponents evaluating-expressions", 0.5, exponent_laws),
    Topic(
        "scientific-notation",
        "Scientific notation",
        "8",
        DOMAIN,
        "exponent-laws powers-of-ten",
        0.5,
        scientific_notation,
    ),
    Topic("square-roots", "Square roots", "8", DOMAIN, "exponents", 0.4, square_roots),
    Topic(
        "equations-both-sides",
        "Equations with x on both sides",
        "8",
        DOMAIN,
        "two-step-equations distributive",
        1.0,
        equations_both_sides,
    ),
    Topic(
        "simultaneous-equations",
        "Two equations at once",
        "8",
        DOMAIN,
        "equations-both-sides linear-functions",
        1.8,
        simultaneous_equations,
    ),
    Topic("factorising", "Factorising", "9", DOMAIN, "distributive gcf-lcm", 1.0, factorising),
    Topic(
        "quadratic-equations", "Quadratic equations", "9", DOMAIN, "factorising square-roots", 1.4, quadratic_equations
    ),
)
