"""The texts of the pages: collected from the sources, translated by people, compiled so that others need no gettext."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from tutor.devtools.environment import ROOT, Problem, say
from tutor.devtools.stack import manage_py

LOCALES = ROOT / "tutor" / "locale"
PROGRAMS = ("xgettext", "msguniq", "msgmerge", "msgattrib", "msgfmt")
#: Where no page's texts are. Catalogues that it comes upon would be written to, wherever they are asked for.
IGNORED = ("locale", "tests", "docs", "docker", "kt_models", "tutor/devtools")
COLLECT = (
    *("makemessages", "--verbosity", "0", "--add-location", "file", "--no-obsolete", "--no-wrap"),
    *(f"--ignore={folder}" for folder in IGNORED),
)
#: Of makemessages, though nothing else has changed.
_DATE = re.compile(r'^"POT-Creation-Date: .*\n', re.MULTILINE)
#: xgettext takes "90 % certain" for a format.
_FLAGS = re.compile(r"^(#, .*python-format.*)\n((?:#.*\n)*)((?:msg|\").*\n(?:(?:msg|\").*\n)*)", re.MULTILINE)


def run(env: dict[str, str]) -> int:
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        raise Problem(
            f"{', '.join(missing)} not found: on Debian and Ubuntu install the package gettext, then try again"
        )
    for language in languages():
        collect(env, language)
        n = untranslated(catalogue(language))
        name = catalogue(language).relative_to(ROOT)
        say(language, f"{n} texts in {name} are to be translated: do it, then run this again" if n else "complete")
        compile_(language)
    return 0


def languages() -> list[str]:
    """A new one begins with its folder."""
    return sorted(folder.name for folder in LOCALES.iterdir() if folder.is_dir())


def catalogue(language: str, suffix: str = "po") -> Path:
    return LOCALES / language / "LC_MESSAGES" / f"django.{suffix}"


def collect(env: dict[str, str], language: str) -> None:
    manage_py(env, *COLLECT, "--locale", language)
    file = catalogue(language)
    file.write_text(settled(file.read_text()))


def settled(text: str) -> str:
    """A catalogue without what changes though its texts do not, and without formats that are none."""
    return _FLAGS.sub(_without_format, _DATE.sub("", text))


def _without_format(entry: re.Match[str]) -> str:
    flags, comments, texts = entry.groups()
    if "%(" in texts:
        return entry.group()
    # What msgmerge doubts though the text is the same: a translation that is no such format.
    doubted = "".join(line.removeprefix("#| ") for line in comments.splitlines(keepends=True) if line.startswith("#| "))
    wrong = {"python-format", "fuzzy"} if texts.startswith(doubted) else {"python-format"}
    kept = [flag for flag in flags.removeprefix("#, ").split(", ") if flag not in wrong]
    others = "".join(line for line in comments.splitlines(keepends=True) if "fuzzy" in kept or line[:2] != "#|")
    return (f"#, {', '.join(kept)}\n" if kept else "") + others + texts


def untranslated(file: Path) -> int:
    """Texts without a translation, and those with a guess of msgmerge's."""
    line = ["msgfmt", "--statistics", "-o", os.devnull, str(file)]
    said = subprocess.run(line, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False).stderr
    return sum(map(int, re.findall(r"(\d+) (?:fuzzy|untranslated)", said)))


def compile_(language: str) -> None:
    line = ["msgfmt", "--check-format", "-o", str(catalogue(language, "mo")), str(catalogue(language))]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem(f"{catalogue(language).relative_to(ROOT)} cannot be compiled:\n{done.stderr}")
