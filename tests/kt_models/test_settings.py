"""Configs from text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pytest

from kt_models.settings import BadSetting, parse_settings


@dataclass(frozen=True)
class Config:
    rate: float = 0.5
    layers: int = 2
    mode: Literal["fast", "exact"] = "fast"
    graph: bool = True
    limit: int | None = None
    sizes: tuple[int, ...] = (1, 2)
    name: str = ""
    coupling: Literal["lazy", "none"] | None = None

    def __post_init__(self) -> None:
        if self.rate <= 0:
            raise ValueError(f"rate {self.rate}: must be above 0")


def test_values_take_the_type_of_their_field() -> None:
    given = ["rate=1e-2", "layers=3", "mode=exact", "graph=False", "limit=7", "sizes=4,5", "name=a=b"]
    assert parse_settings(Config, given) == Config(0.01, 3, "exact", False, 7, (4, 5), "a=b")
    assert parse_settings(Config, ["limit=none"]) == Config()


def test_a_choice_that_is_called_none_is_not_nothing() -> None:
    assert parse_settings(Config, ["coupling=none"]).coupling == "none"


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("rat=1", "no setting is named 'rat': give one of rate, layers"),
        ("rate", "must be key=value"),
        ("rate=x", "'x' must be a number"),
        ("rate=nan", "'nan' must be a number"),
        ("layers=2.5", "'2.5' must be a whole number"),
        ("graph=1", "'1' must be true or false"),
        ("mode=slow", "'slow' must be one of fast, exact"),
        ("limit=x", "'x' must be a whole number"),
        ("rate=-1", "must be above 0"),
    ],
)
def test_a_bad_setting_is_named_with_its_rule(setting: str, complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint):
        parse_settings(Config, [setting])
