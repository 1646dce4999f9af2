"""Whoever reads the pages in another language reads all of them in it."""

from __future__ import annotations

import gettext
import re
import shutil
from pathlib import Path
from string import Formatter
from typing import Any

import polib
import pytest
from django.conf import settings
from django.core.management import call_command

from tutor.devtools import messages

LANGUAGES = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
every_language = pytest.mark.parametrize("language", LANGUAGES)


def entries(language: str) -> polib.POFile:
    return polib.pofile(str(messages.catalogue(language)))


def texts(entry: polib.POEntry) -> list[tuple[str, str]]:
    """(of the source, translated) pairs that must fit together."""
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    return [(entry.msgid_plural if n else entry.msgid, said) for n, said in sorted(entry.msgstr_plural.items())]


def placeholders(text: str) -> set[str]:
    """%(name)s with its conversion, and {name:form} of those that are formatted so."""
    named = set(re.findall(r"%\(\w+\)[.\d]*[a-z]", text))
    return named or {f"{name}:{form}" for _, name, form, _ in Formatter().parse(text) if name}


def test_the_catalogues_are_those_of_the_languages() -> None:
    assert messages.languages() == sorted(LANGUAGES)


@every_language
def test_every_text_is_translated_and_by_people(language: str) -> None:
    assert [entry.msgid for entry in entries(language) if entry.fuzzy or not entry.translated()] == []


@every_language
def test_a_translation_says_what_the_text_says(language: str) -> None:
    differing = [said for entry in entries(language) for text, said in texts(entry)
                 if placeholders(text) != placeholders(said)]  # fmt: skip
    assert differing == []


@every_language
def test_a_translation_has_the_markup_and_edges_of_its_text(language: str) -> None:
    for entry in entries(language):
        for text, said in texts(entry):
            assert re.findall(r"</?\w+[^>]*>", text) == re.findall(r"</?\w+[^>]*>", said), said
            assert [text[:1].isspace(), text[-1:].isspace()] == [said[:1].isspace(), said[-1:].isspace()] or text == "%"


@every_language
def test_every_number_has_its_form(language: str) -> None:
    catalogue = entries(language)
    n = int(re.search(r"nplurals=(\d+)", catalogue.metadata["Plural-Forms"])[1])  # type: ignore[index]
    assert all(set(entry.msgstr_plural) == set(range(n)) for entry in catalogue if entry.msgid_plural)


@every_language
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    with messages.catalogue(language, "mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in entries(language):
        if entry.msgid_plural:
            found = [compiled._catalog[_key(entry), n] for n in sorted(entry.msgstr_plural)]  # type: ignore[attr-defined]
            assert found == [entry.msgstr_plural[n] for n in sorted(entry.msgstr_plural)]
        else:
            assert compiled.gettext(_key(entry)) == entry.msgstr


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="GNU gettext is not installed")
@every_language
def test_no_text_of_the_sources_is_left_out(
    language: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(messages.ROOT)
    settings.LOCALE_PATHS = [tmp_path]
    call_command(*messages.COLLECT, "--locale", language)
    collected = polib.pofile(str(tmp_path / language / "LC_MESSAGES" / "django.po"))
    assert {_key(entry) for entry in collected} == {_key(entry) for entry in entries(language)}


def _key(entry: polib.POEntry) -> str:
    return f"{entry.msgctxt}\x04{entry.msgid}" if entry.msgctxt else entry.msgid
