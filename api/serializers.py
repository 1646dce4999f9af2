"""Serializers as strict as the fast views: an unknown field is refused, and nothing is converted to fit."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from typing import Any, Final

from rest_framework import serializers

JsonType = type | tuple[type, ...]

#: The JSON type that each sort of field takes; DRF alone would make the text "5" of the number 5, and the reverse.
JSON_TYPES: Final[dict[type[serializers.Field[Any, Any, Any, Any]], tuple[JsonType, str]]] = {
    serializers.CharField: (str, "a text"),
    serializers.ChoiceField: (str, "a text"),
    serializers.UUIDField: (str, "a text"),
    serializers.DateTimeField: (str, "a text"),
    serializers.DateField: (str, "a text"),
    serializers.IntegerField: (int, "a whole number"),
    serializers.FloatField: ((int, float), "a number"),
    serializers.BooleanField: (bool, "true or false"),
    serializers.ListField: (list, "a list"),
}


class Strict(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        fields = super().get_fields()
        for field in fields.values():
            if isinstance(field, serializers.CharField):
                # A text is kept as it was sent: trimmed, one that is too long would pass, and an id become another's.
                field.trim_whitespace = False
        return fields

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            faults = {**self._unknown(data), **self._mistyped(data)}
            if faults:
                raise serializers.ValidationError(faults)
        return super().to_internal_value(data)

    def _unknown(self, data: Mapping[str, Any]) -> dict[str, list[serializers.ErrorDetail]]:
        known = ", ".join(self.fields)
        said = f"there is no such field: use {known}" if known else "there is no such field"
        return {name: [serializers.ErrorDetail(said, "unknown_field")] for name in data if name not in self.fields}

    def _mistyped(self, data: Mapping[str, Any]) -> dict[str, list[serializers.ErrorDetail]]:
        faults = {}
        for name, field in self.fields.items():
            type_, words = _json_type(field)
            if name in data and not (data[name] is None and field.allow_null) and not _is(data[name], type_):
                faults[name] = [serializers.ErrorDetail(f"must be {words}", "invalid_type")]
        return faults


class Query(serializers.Serializer[Any]):
    """Parameters of a query string: text is converted, an unknown name is refused (by the view)."""


class Timezone(serializers.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=64, help_text='IANA name, such as "Europe/Berlin"', **options)

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if name and name not in zoneinfo.available_timezones():
            raise serializers.ValidationError(f"{name!r} is no IANA time zone: write one like 'Europe/Berlin'")
        return name


class Source(serializers.RegexField):
    def __init__(self, **options: Any) -> None:
        words = "Who gave the external id, such as the LMS's name; unique together with it"
        super().__init__(r"^[A-Za-z0-9._-]+\Z", max_length=64, help_text=words, **options)


class ExternalId(serializers.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=255, help_text="The roster's own name of it", **options)


class RosteredIn(Strict):
    """A name in somebody else's system is two fields, both or neither."""

    # mypy sees DRF's own attribute `source`; at run time the metaclass takes fields out of the class.
    source = Source(required=False, allow_blank=True)  # type: ignore[assignment]
    external_id = ExternalId(required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        def final(name: str) -> str:
            return str(attrs.get(name, getattr(self.instance, name, "")))

        if bool(final("source")) != bool(final("external_id")):
            missing = "external_id" if final("source") else "source"
            raise serializers.ValidationError({missing: "source and external_id go together: send both or neither"})
        return attrs


def _json_type(field: serializers.Field[Any, Any, Any, Any]) -> tuple[JsonType, str]:
    return next((JSON_TYPES[cls] for cls in type(field).__mro__ if cls in JSON_TYPES), (object, ""))


def _is(value: Any, type_: JsonType) -> bool:
    # True is an int for Python alone.
    return isinstance(value, type_) and (type_ in (bool, object) or not isinstance(value, bool))
