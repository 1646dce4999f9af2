"""Whoever reads the pages in German finds no sentence in English, least of all where something was refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any, Final, NamedTuple

import pytest
from django.test import Client
from django.utils import translation

from curricula.models import Curriculum
from curricula.snapshot import latest
from tests.dashboard import pages
from tests.dashboard.classroom import answers, take_in
from tests.dashboard.conftest import SignIn
from tests.dashboard.models_room import Room
from tests.dashboard.pages import Reader
from tests.dashboard.test_settings import as_typed
from tests.people import Caller
from tutor.accounts.models import Group, Learner, School, User
from tutor.language import GIVEN_UP, Sentence, sentences, told_again
from tutor.registry.models import Deployment, EdgeReview, ModelVersion, TrainingRun
from tutor.scheduling import jobs
from tutor.scheduling.models import Evaluation, Rehearsal
from tutor.scheduling.ope.report import ASSUMPTIONS
from tutor.scheduling.policies import POLICIES

#: Elements whose text nobody reads.
SILENT: Final = frozenset({"script", "style"})
#: What has no end tag.
VOID: Final = frozenset({"br", "hr", "img", "input", "link", "meta", "source", "wbr"})
#: Attributes that are read out or shown.
READ: Final = frozenset({"alt", "aria-label", "placeholder", "title"})
#: More words of letters than this are a sentence, or part of one.
FEW: Final = 3


class Texts(HTMLParser):
    """Everything that somebody reads, but what is marked as being in another language."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[bool] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        is_apart = tag in SILENT or (tag != "html" and "lang" in said)
        if not is_apart and not any(self._inside):
            self.found += [text for name, text in said.items() if name in READ and text]
        if tag not in VOID:
            self._inside.append(is_apart)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._inside.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not any(self._inside) and data.strip():
            self.found.append(" ".join(data.split()))


def left(english: str, german: str, own: Iterable[str] = ()) -> list[str]:
    """Sentences that are the same in both, without the words of `own`: names, titles, what people wrote."""
    known = sorted(filter(None, own), key=len, reverse=True)
    both = set(Texts(english).found) & set(Texts(german).found)
    return sorted(text for text in both if not _is_cut(text, known) and len(_words(text, known)) > FEW)


def _is_cut(text: str, known: list[str]) -> bool:
    """Part of what they wrote, where that is cut off or goes on in the next line of a picture."""
    return any(text.removesuffix("…") in each for each in known)


def _words(text: str, known: list[str]) -> list[str]:
    """Names of code, numbers and ids are none."""
    for each in known:
        text = text.replace(each, " ")
    return [word for word in re.split(r"[^\w-]+", text) if len(word) > 1 and word.isalpha()]


def own_words(curriculum: Curriculum) -> set[str]:
    """What a school wrote itself."""
    content = latest(curriculum.pk)
    statements = {content.item_statement(item) for item in range(content.n_items)}
    named = {learner.name for learner in Learner.objects.all()} | {user.name for user in User.objects.all()}
    described = {each.description or "" for each in content.concept_contents if each}
    return {content.title, *content.concept_titles, *content.concept_keys, *statements, *named, *described}


def test_what_is_the_same_in_both_languages_is_found() -> None:
    page = '<p title="{}">{}</p><p lang="en">it was told in so many words</p><script>var a is a b c</script>'
    english, german = (
        page.format("one two three four", "Ada 1 half_life PSI"),
        page.format("eins", "Ada 1 half_life PSI"),
    )
    assert left(english, german) == []
    assert left(english, english) == ["one two three four"]
    assert left(english, english, ["two three"]) == []


def test_no_page_has_a_sentence_in_english(readers: dict[Reader, Client], story: Room) -> None:
    def read(reader: Reader, address: str, language: str = "en") -> str:
        answer = readers[reader].get(address, headers={"accept-language": language})
        assert answer.status_code == 200, address
        return b"".join(answer).decode()

    learner = Group.objects.get(curriculum=story.curriculum).learners.order_by("pk")[0]
    places = pages.places(read, {"learner_id": str(learner.pk)})
    own = own_words(story.curriculum)
    found = {
        page.name: left(read(page.reader, address), read(page.reader, address, "de"), own)
        for page, address in pages.within_reach(places)
        if not page.address.endswith(".csv")
    }
    assert {name: texts for name, texts in found.items() if texts} == {}


class Refused(NamedTuple):
    """What is sent, and how the refusal is told in English."""

    path: str
    fields: Mapping[str, Any]
    told: str


Refuse = Callable[[User, Curriculum, Iterable[Refused]], None]


@pytest.fixture
def refuse(signed_in: SignIn) -> Refuse:
    """Each is told in English to the English, and in no word of it to the Germans."""

    def refuse_(user: User, curriculum: Curriculum, asked: Iterable[Refused]) -> None:
        browser, own, found = signed_in(user), own_words(curriculum), []
        for path, fields, told in asked:
            english, german = (
                unescape(
                    browser.post(path, fields, headers={"accept-language": language}, follow=True).content.decode()
                )
                for language in ("en", "de")
            )
            assert told in english, (path, fields, Texts(english).found)
            texts = left(english, german, {*own, *map(str, fields.values())})
            found += [(told, texts)] if texts or told in german else []
        assert found == []

    return refuse_


def test_refusals_of_models(story: Room, school: School, head: User, refuse: Refuse) -> None:
    of = f"/models/of/{story.curriculum.pk}"
    Deployment.objects.filter(school=school).update(previous=None)
    asked = [
        Refused(f"{of}/retrain/", {"kind": "psikt"}, "model of this curriculum is running already"),
        Refused(f"{of}/retrain/", {"kind": "magic"}, "no model is named"),
        Refused(f"/models/{story.rejected.pk}/shadow/", {}, "is rejected (prediction, ahead answer against champion"),
        Refused(f"/models/{story.champion.pk}/shadow/", {}, "serves here already"),
        Refused(f"/models/{story.challenger.pk}/promote/", {}, "learners are level"),
        Refused(f"{of}/roll-back/", {}, "before the present one"),
    ]
    refuse(head, story.curriculum, asked)
    Deployment.objects.filter(school=school).delete()
    refuse(head, story.curriculum, [Refused(f"{of}/follow-site/", {}, "has no deployment of its own")])


def test_refusals_of_what_is_asked_about_policies(
    class_7b: Group, fractions: Curriculum, school: School, head: User, refuse: Refuse, now: datetime
) -> None:
    to = f"/classes/{class_7b.pk}/settings/policy"
    usual = {"policy": "threshold", "reward": "success", "since": f"{now - timedelta(days=60):%Y-%m-%d}"}
    same = {"policy": "gain", "against": "gain"}
    cohort = next(policy.name for policy in POLICIES.values() if policy.reads_cohort)
    fresh = {"policy": "threshold", "against": "gain", "reward": "success"}
    refuse(head, fractions, [
        Refused(f"{to}/evaluate/", {**usual, "reward": "luck"}, "cannot be"),
        Refused(f"{to}/evaluate/", {**usual, "since": "soon"}, "is no day"),
        Refused(f"{to}/evaluate/", {**usual, "since": "2999-01-01"}, "is not after since"),
        Refused(f"{to}/evaluate/", {**usual, "reward": "retention", "since": f"{now:%Y-%m-%d}"}, "shows after"),
        Refused(f"{to}/evaluate/", {**usual, "policy": cohort}, "goes by what whole classes did"),
        Refused(f"{to}/rehearse/", same, "give another policy to compare with"),
        Refused(f"{to}/trials/begin/", {**fresh, "reward": "luck"}, "cannot be"),
        Refused(f"{to}/trials/begin/", {**fresh, "alpha": "99"}, "cannot be for"),
        Refused(f"{to}/trials/begin/", fresh, "has not been tried against"),
        Refused(f"{to}/trials/begin/", {**fresh, **same}, "give another policy to try"),
    ])  # fmt: skip
    waits = {"school_id": school.pk, "policy": "gain", "curriculum": fractions, "created_at": now}
    times = {"since": now, "until": now, "reward": "success", "delay_days": 1, "window_days": 1}
    Evaluation.objects.bulk_create(Evaluation(**waits, **times) for _ in range(jobs.WAITING))
    Rehearsal.objects.bulk_create(Rehearsal(**waits, against="random") for _ in range(jobs.WAITING))
    refuse(head, fractions, [
        Refused(f"{to}/evaluate/", usual, "evaluations of the school wait already"),
        Refused(f"{to}/rehearse/", fresh, "rehearsals of the school wait already"),
    ])  # fmt: skip


def test_refusals_of_reviews(
    class_7b: Group, fractions: Curriculum, ms_diaz: User, refuse: Refuse, now: datetime
) -> None:
    content = latest(fractions.pk)
    parent, child = int(content.prerequisites.flat[0]), int(content.prerequisites.owner[0])
    start, end = content.concept_ids[parent], content.concept_ids[child]
    there, back = (f"/classes/{class_7b.pk}/prerequisites/{a}/{b}/review/" for a, b in ((start, end), (end, start)))
    refuse(ms_diaz, fractions, [
        Refused(there, {"verb": "praise"}, "is nothing to do with an edge"),
        Refused(there, {"verb": "accept", "note": "x" * 2001}, "is the most"),
        Refused(there, {"verb": "lock"}, "nobody has reviewed"),
        Refused(back, {"verb": "accept"}, "closes a cycle"),
    ])  # fmt: skip
    EdgeReview.objects.create(
        curriculum=fractions, school=class_7b.school, parent=parent, child=child, decision="rejected", locked=True,
        updated_at=now,
    )  # fmt: skip
    refuse(ms_diaz, fractions, [Refused(there, {"verb": "accept"}, "is locked (rejected)")])


def test_refusals_of_what_is_said_of_a_learner(
    class_7b: Group, fractions: Curriculum, bo: Learner, ms_diaz: User, school: School, refuse: Refuse, now: datetime
) -> None:
    take_in(school, answers(bo, fractions, "halves-1", "00000", last=now), now=now)
    to = f"/classes/{class_7b.pk}/learners/{bo.pk}"
    word = {"kind": "pin", "concept": "halves", "reason": "gesehen", "until": "", "answers": "5"}
    day = {"minutes_a_day": "", "timezone": "", "day_cutoff_hour": "4"}
    wrong = [
        ({"kind": "x"}, "Choose what is to be done"), ({"concept": ""}, "Choose a concept"),
        ({"concept": "no"}, "is no concept of this curriculum"), ({"reason": ""}, "Say why"),
        ({"reason": "x" * 2001}, "is the most"), ({"until": "soon"}, "is no day"), ({"until": "2020-01-01"}, "is past"),
        ({"answers": "0"}, "take a whole number from 1"),
    ]  # fmt: skip
    unsettled = [
        ({"timezone": "Mars"}, "is no time zone"), ({"day_cutoff_hour": "25"}, "is no hour"),
        ({"minutes_a_day": "x"}, "take 1 to 600"), ({"minutes_a_day": "6000"}, "take 1 to 600"),
    ]  # fmt: skip
    asked = [Refused(f"{to}/say/", word | fields, told) for fields, told in wrong]
    refuse(ms_diaz, fractions, asked + [Refused(f"{to}/settings/", day | fields, told) for fields, told in unsettled])


def test_refusals_of_marks_thresholds_and_settings(
    class_7b: Group, fractions: Curriculum, bo: Learner, ms_diaz: User, school: School, refuse: Refuse, now: datetime,
    signed_in: SignIn,
) -> None:  # fmt: skip
    take_in(school, answers(bo, fractions, "halves-1", "00000", last=now), now=now)
    to = f"/classes/{class_7b.pk}"
    browser = signed_in(ms_diaz)
    html, form = browser.get(f"{to}/need/").content.decode(), browser.get(f"{to}/settings/").context["page"].form
    alert = re.search(rf"{to}/need/alerts/([^/]+)/", html)
    assert alert
    agreed = {"struggling_after": "4", "in_need_from": "1", "inactive_days": "14", "trend_drop": "20"}
    numbers = ("retention", "ready_at", "success", "exploration", "horizon_days", "answers_a_day", "new_a_day",
               "minutes_a_day", "in_a_row", "retry_after", "item_gap", "spinning_after", "look_ahead")  # fmt: skip
    exam = next(policy.name for policy in POLICIES.values() if policy.needs_exam)
    chosen = {
        ("policy", "x"): "cannot be", ("policy", exam): "needs a day ahead", ("quiet_weekdays", "x"): "of the week",
        ("quiet_dates", "soon"): "is no day", ("exam_on", "soon"): "is no day", ("goals", "x"): "is no concept",
    }  # fmt: skip
    refuse(ms_diaz, fractions, [
        Refused(f"{to}/need/alerts/{alert[1]}/", {"useful": "x"}, "is no mark"),
        Refused(f"{to}/need/alerts/{alert[1]}/", {"useful": "yes", "note": "x" * 2001}, "is the most"),
        *(Refused(f"{to}/need/thresholds/", agreed | {name: "999999"}, "Not saved") for name in agreed),
        *(Refused(f"{to}/settings/save/", as_typed(form, **{each: "999999"}), "cannot be") for each in numbers),
        *(Refused(f"{to}/settings/save/", as_typed(form, **dict([each])), told) for each, told in chosen.items()),
    ])  # fmt: skip


def test_what_ended_is_told_in_the_reader_s_words(
    story: Room, school: School, head: User, signed_in: SignIn, now: datetime
) -> None:
    """Of a run, an evaluation and a rehearsal that failed, of a report, and of a version that lost in shadow."""
    reason = Sentence("{step} ended with exit status {n}", step=Sentence("fit"), n=2)
    told = Sentence(GIVEN_UP, n=3, last=reason)
    kept = {"message": told, "said": sentences({"message": told})}
    TrainingRun.objects.filter(pk=story.run.pk).update(**kept, status="failed", finished_at=now)
    lost = Sentence("withdrawn from shadow: {reason}", reason=Sentence("no answer has come since that both foretold"))
    story.champion.refresh_from_db()
    verdict = story.champion.verdict | {"withdrawn": lost.kept()}
    ModelVersion.objects.filter(pk=story.champion.pk).update(reason=lost, verdict=verdict)
    browser = signed_in(head)
    for page, words in ((f"runs/{story.run.pk}", str(told)), (str(story.champion.pk), str(lost))):
        english, german = (
            unescape(browser.get(f"/models/{page}/", headers={"accept-language": language}).content.decode())
            for language in ("en", "de")
        )
        assert words in english and words not in german
        assert left(english, german, own_words(story.curriculum)) == []


def test_reports_are_told_in_the_reader_s_words() -> None:
    """As JSON keeps them."""
    warning = Sentence("one choice carries {share:.0%} of all weight: the values hang on it", share=0.1234)
    found = {"report": {"refusal": "", "warnings": [warning], "n": 3, "assumptions": list(ASSUMPTIONS)}}
    kept = sentences(found)
    assert set(kept) == {"/report/warnings/0"}
    with translation.override("de"):
        told = told_again(found["report"], kept, "/report")
        assert told["warnings"][0].startswith("eine einzige Entscheidung trägt 12\N{NO-BREAK SPACE}% allen Gewichts")
        assert {name: told[name] for name in ("refusal", "n")} == {"refusal": "", "n": 3}
    assert told_again(found["report"], {}, "/report")["warnings"] == [str(warning)]


def test_an_undefined_figure_is_kept_as_none() -> None:
    said = Sentence("log loss differs by {value:+.4f} [{low:+.4f}, {high:+.4f}] nats an answer",
                    value=0.1, low=float("nan"), high=float("inf"))  # fmt: skip
    assert said.kept()["values"] == {"value": 0.1, "low": None, "high": None}
    assert "nan" in Sentence.again(said.kept())


def test_the_api_refuses_in_english_whoever_asks(client: Caller, fractions: Curriculum) -> None:
    """Its texts are a promise to programs."""
    asked = {"kind": "magic", "curriculum": str(fractions.pk)}
    answers_ = [client.post("/api/v1/training-runs", asked, accept_language=each) for each in ("en", "de")]
    said = [(answer.status_code, {**answer.json(), "request_id": ""}) for answer in answers_]
    assert said[0] == said[1] and "no model is named" in str(said[0])
