"""What curricula refuse, each worded once: the value, the rule, the way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a document.

    `pointer` is a JSON pointer into it (RFC 6901; "" is the whole), or "concepts.csv:12:title" for a table.
    """

    pointer: str
    code: str
    message: str


@dataclass(frozen=True)
class Report:
    """Everything wrong with a document, in the order of the document; and how much there is in it."""

    problems: tuple[Problem, ...]
    n_concepts: int = 0
    n_items: int = 0

    @property
    def ok(self) -> bool:
        return not self.problems


class CurriculumError(Exception):
    """A request that curricula refuse; `code` is stable, the text is for people."""

    code: ClassVar[str] = "curriculum_error"


class InvalidDocument(CurriculumError):
    code = "invalid_document"

    def __init__(self, report: Report) -> None:
        first = report.problems[0]
        others = len(report.problems) - 1
        more = f" (and {others} more: see the report)" if others else ""
        super().__init__(f"{first.pointer or 'the document'}: {first.message}{more}")
        self.report = report


class StaleDraft(CurriculumError):
    code = "stale_draft"

    def __init__(self, key: str, expected: str, found: str) -> None:
        super().__init__(
            f"curriculum {key!r} was changed since you read it (you hold {expected[:12]}, it is at {found[:12]}): "
            "read it again and repeat your change on top"
        )
        self.expected, self.found = expected, found


class KeyMismatch(CurriculumError):
    code = "key_mismatch"

    def __init__(self, curriculum_key: str, document_key: str) -> None:
        super().__init__(
            f"the document says key {document_key!r}, but this is curriculum {curriculum_key!r}: keys never change, "
            "so correct the document's key, or create a new curriculum from it"
        )


class DuplicateCurriculum(CurriculumError):
    code = "duplicate_curriculum"

    def __init__(self, key: str) -> None:
        super().__init__(f"there is a curriculum {key!r} already: save a draft of it, or choose another key")


class UnknownCurriculum(CurriculumError):
    code = "unknown_curriculum"

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no curriculum {key!r} any more, its only draft was discarded: create it again")


class NoDraft(CurriculumError):
    code = "no_draft"

    def __init__(self, key: str) -> None:
        super().__init__(f"curriculum {key!r} has no draft: save one first")


class EmptyCurriculum(CurriculumError):
    code = "empty_curriculum"

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the draft of curriculum {key!r} has no concepts, so nothing could be learnt: add at least one"
        )


class NotPublished(CurriculumError):
    code = "not_published"

    def __init__(self, curriculum: UUID) -> None:
        super().__init__(f"curriculum {curriculum} has no published version: publish its draft first")


class UnknownVersion(CurriculumError):
    code = "unknown_version"

    def __init__(self, version: UUID) -> None:
        super().__init__(f"{version} is no published curriculum version: drafts cannot be read, publish it first")


class BodyTooLarge(CurriculumError):
    code = "body_too_large"

    def __init__(self, name: str, n_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"{name} is {n_bytes:,} bytes, more than the {limit_bytes:,} that a curriculum may have: "
            "split it into several curricula"
        )


class UnknownFormat(CurriculumError):
    code = "unknown_format"

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(f"{name!r} is no curriculum format: use one of {', '.join(known)}")
