"""The log as a file to train on: what it holds, whom it leaves out, and that it can be had again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from django.utils import timezone
from pyarrow import parquet

from curricula.models import Curriculum
from kt_models import data
from tests.flow import steps
from tutor.accounts.models import Learner, School
from tutor.interactions import columns, export

pytestmark = pytest.mark.django_db
LATER = timedelta(hours=1)


def test_a_file_holds_what_the_log_holds(
    tmp_path: Path, school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    bos = [steps.answer(bo, fractions, 2, hints=3, response_seconds=4.5), steps.answer(bo, fractions, 0, correct=0.5)]
    steps.record(school, [*bos, steps.answer(ana, fractions, 1, concepts=[0, 2], attempt=2)])
    manifest = export.write(tmp_path, fractions.pk, received_before=timezone.now() + LATER)
    read, log = data.read(tmp_path / export.ANSWERS), columns.read(fractions.pk)
    ids = parquet.read_table(tmp_path / export.LEARNERS)
    assert ids["id"].to_pylist() == [str(learner) for learner in log.learner_ids]
    assert ids["learner"].to_pylist() == read.learner_ids.tolist() == [0, 1]
    mine, theirs = read.interactions, log.answers
    for name in ("learner", "seconds", "correct", "response_seconds", "hints", "attempt"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
    assert read.items.decode(mine.item).tolist() == theirs.item.tolist()
    assert read.concepts.decode(mine.concepts.flat).tolist() == theirs.concepts.flat.tolist()
    assert mine.concepts.offset.tolist() == theirs.concepts.offset.tolist()
    assert (manifest.answers, manifest.learners) == (3, 2)
    assert (manifest.first, manifest.last) == (theirs.seconds.min(), theirs.seconds.max())


def test_many_answers_come_in_parts_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, school: School, fractions: Curriculum
) -> None:
    """Groups and blocks that end within a learner's answers do not make two learners of one."""
    monkeypatch.setattr(export, "GROUP", 7)
    monkeypatch.setattr(export, "BLOCK", 1_000)
    for n, learner in enumerate(steps.learners(school, 9)):
        steps.record(school, steps.right_and_wrong(learner, fractions, "01" * (3 + n)))
    seen: list[int] = []
    manifest = export.write(tmp_path, fractions.pk, received_before=timezone.now() + LATER, progress=seen.append)
    read, log = data.read(tmp_path / export.ANSWERS), columns.read(fractions.pk)
    assert read.interactions.learner.tolist() == log.answers.learner.tolist()
    assert read.interactions.correct.tolist() == log.answers.correct.tolist()
    assert len(seen) > 3
    assert (seen[-1], manifest.learners) == (len(log.answers), 9)
    assert parquet.ParquetFile(tmp_path / export.ANSWERS).num_row_groups > 3


def test_erased_learners_other_schools_and_late_answers_are_left_out(
    tmp_path: Path, school: School, other_school: School, bo: Learner, ana: Learner, dee: Learner, fractions: Curriculum
) -> None:
    steps.record(school, [steps.answer(bo, fractions), steps.answer(ana, fractions)], now=timezone.now())
    steps.record(other_school, [steps.answer(dee, fractions)], now=timezone.now())
    soon = timezone.now() + LATER

    def learners(**options: object) -> list[str]:
        export.write(tmp_path, fractions.pk, **options)  # type: ignore[arg-type]
        return sorted(parquet.read_table(tmp_path / export.LEARNERS)["id"].to_pylist())

    assert learners(received_before=soon) == sorted(str(who.pk) for who in (bo, ana, dee))
    assert learners(received_before=soon, school_id=school.pk) == sorted(str(who.pk) for who in (bo, ana))
    erased = str(ana.pk)
    ana.delete()
    assert erased not in learners(received_before=soon)
    # What came in just now may have company that is not committed yet.
    assert learners() == []


def test_an_export_can_be_had_again_or_says_why_not(
    tmp_path: Path, school: School, bo: Learner, ana: Learner, fractions: Curriculum
) -> None:
    steps.record(school, [steps.answer(bo, fractions), steps.answer(ana, fractions)])
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    export.write(first, fractions.pk, received_before=timezone.now() + timedelta(seconds=1))
    manifest = export.Manifest.read(first)
    steps.record(school, [steps.answer(bo, fractions)], now=timezone.now() + LATER)
    assert export.reproduce(second, manifest) == manifest
    assert (second / export.ANSWERS).read_bytes() == (first / export.ANSWERS).read_bytes()
    ana.delete()
    with pytest.raises(export.NotReproduced, match=r"gives 1 answers of 1 learners .* the manifest says 2 of 2"):
        export.reproduce(second, manifest)


def test_an_answer_of_the_first_second_of_all_is_an_answer(
    tmp_path: Path, school: School, bo: Learner, fractions: Curriculum
) -> None:
    steps.record(school, [steps.answer(bo, fractions, seconds=0.0)])
    manifest = export.write(tmp_path, fractions.pk, received_before=timezone.now() + LATER)
    assert (manifest.answers, manifest.first, manifest.last) == (1, 0.0, 0.0)


def test_an_export_that_is_broken_off_is_none(
    tmp_path: Path, school: School, bo: Learner, fractions: Curriculum
) -> None:
    """Also where an earlier one stood."""
    steps.record(school, [steps.answer(bo, fractions)])
    export.write(tmp_path, fractions.pk, received_before=timezone.now() + LATER)

    def stop(answers: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export.write(tmp_path, fractions.pk, received_before=timezone.now() + LATER, progress=stop)
    assert not (tmp_path / export.MANIFEST).exists()
