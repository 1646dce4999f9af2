"""Exact values of what is written, and the list of rules that the modules beside this one fill.

Arithmetic is evaluated, equations are checked by substitution, words by a rule each.
"""

from __future__ import annotations

import ast
import math
import operator
import re
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
