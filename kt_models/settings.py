"""Configs of models from text, as the command line and the registry give them: `key=value`."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import Any


class BadSetting(ValueError):
    """A key that a config lacks, or a value that it cannot take."""


def parse_settings(config: type[Any], settings: Sequence[str]) -> Any:
    """A config with the fields given as key=value, the rest at their defaults.

    Raises:
        BadSetting: for an unknown key, a value of another type, or one that the config refuses.
    """
    hints = typing.get_type_hints(config)
    values = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals:
            raise BadSetting(f"--set {setting}: must be key=value")
        if key not in hints:
            raise BadSetting(f"--set {setting}: no setting is named {key!r}: give one of {', '.join(hints)}")
        values[key] = _parse_value(setting, text, hints[key])
    try:
        return config(**values)
    except ValueError as error:
        raise BadSetting(f"--set {' '.join(settings)}: {error}") from error


def _parse_value(setting: str, text: str, hint: Any) -> Any:
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        literals = [value for option in options for value in typing.get_args(option)]
        # A choice that is called "none" is a choice.
        if text.lower() == "none" and types.NoneType in options and "none" not in literals:
            return None
        return _parse_value(setting, text, next(option for option in options if option is not types.NoneType))
    if origin is tuple:
        return tuple(_parse_value(setting, part, options[0]) for part in text.split(",") if part)
    if origin is typing.Literal:
        if text in map(str, options):
            return next(option for option in options if str(option) == text)
        raise BadSetting(f"--set {setting}: {text!r} must be one of {', '.join(map(str, options))}")
    return _parse_plain(setting, text, hint)


def _parse_plain(setting: str, text: str, hint: Any) -> Any:
    truth = {"true": True, "false": False}
    try:
        value = truth[text.lower()] if hint is bool else hint(text)
        if value != value:  # NaN passes every comparison that a config checks.
            raise ValueError(text)
        return value
    except (KeyError, ValueError) as error:
        expected = "true or false" if hint is bool else {"int": "a whole number", "float": "a number"}[hint.__name__]
        raise BadSetting(f"--set {setting}: {text!r} must be {expected}") from error
