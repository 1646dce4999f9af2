"""The monitor of the champion: rare false alarms, found drifts, and what becomes of an alert."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest

from curricula.models import Curriculum
from tests.flow.steps import answer, learners, record, work
from tests.flow.versions import a_version
from tutor.accounts.models import Learner, School
from tutor.registry import deployments
from tutor.registry import services as registry
from tutor.registry.models import Deployment
from tutor.tracing import cusum, drift
from tutor.tracing.models import DriftAlert, DriftDay, Score

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)


def first_alarm(points: list[cusum.Point]) -> int | None:
    return next((day for day, point in enumerate(points) if point.is_alarm), None)


def days(rng: np.random.Generator, n: int, *, between: float = 0.01) -> list[tuple[float, float]]:
    """Daily means of very different precision, which differ by more than that explains."""
    errors = rng.choice([0.004, 0.01, 0.03], n)
    return [(0.55 + rng.normal(0, between + error), error) for error in errors]


def test_a_chart_raises_a_false_alarm_less_than_once_a_year() -> None:
    """The stated rate: on average at least 500 days between false alarms of one side, of days that are all alike."""
    rng, horizon = np.random.default_rng(1), 500
    alarms = in_control = 0
    for _ in range(300):
        found = first_alarm(cusum.chart(days(rng, horizon), is_falling_bad=False))
        alarms += found is not None
        in_control += horizon if found is None else found
    assert in_control / max(alarms, 1) > 500


@pytest.mark.parametrize(("shift", "within"), [(0.02, 20), (0.04, 8)])
def test_a_shift_is_found_within_days(shift: float, within: int) -> None:
    rng, delays = np.random.default_rng(2), []
    for _ in range(100):
        before, after = days(rng, 40), days(rng, 60)
        points = cusum.chart([*before, *((x + shift, e) for x, e in after)], is_falling_bad=False)
        delays.append(next((i for i, point in enumerate(points[40:]) if point.is_alarm), 60))
    assert np.median(delays) <= within


def test_one_odd_day_raises_no_alarm() -> None:
    rng = np.random.default_rng(3)
    calm = days(rng, 30)
    assert first_alarm(cusum.chart([*calm, (2.0, 0.01), *days(rng, 5)], is_falling_bad=True)) is None


def test_an_alarm_ends_when_the_shift_is_over() -> None:
    rng = np.random.default_rng(4)
    shifted = [(x + 0.08, e) for x, e in days(rng, 60)]
    points = cusum.chart([*days(rng, 40), *shifted, *days(rng, 40)], is_falling_bad=False)
    assert all(point.is_alarm for point in points[50:100]), "what is wrong for long does not become normal"
    assert not points[-1].is_alarm


def test_falling_means_alarm_only_where_that_is_bad() -> None:
    rng = np.random.default_rng(5)
    falling = [*days(rng, 40), *((x - 0.08, e) for x, e in days(rng, 20))]
    assert cusum.chart(falling, is_falling_bad=True)[-1].is_alarm
    assert not cusum.chart(falling, is_falling_bad=False)[-1].is_alarm


def test_constant_days_are_no_trouble() -> None:
    assert first_alarm(cusum.chart([(0.5, 0.01)] * 50, is_falling_bad=True)) is None


@pytest.fixture
def served(fractions: Curriculum) -> Deployment:
    registry.ensure_served(fractions.pk)
    return Deployment.objects.select_related("champion").get()


def simulate(
    school: School,
    served: Deployment,
    n_days: int,
    *,
    start: int = 0,
    seed: int = 0,
    answers: int = 120,
    p: tuple[float, float] = (0.4, 0.9),
    bias: float = 0.0,
) -> None:
    """Scores of some days: as expected between `p`, right as often as expected, or by `bias` more rarely."""
    group = LEARNERS.setdefault(school.pk, learners(school, 20))
    if not Score.objects.exists():
        record(school, [answer(learner, served.curriculum) for learner in group])
    rng, rows = np.random.default_rng(seed), []
    for day in range(start, start + n_days):
        for n in range(answers):
            moment = BEGIN + timedelta(days=day, minutes=5 * n)
            chance = rng.uniform(*p)
            rows.append(
                Score(
                    version_id=served.champion_id,
                    learner_id=group[n % len(group)].pk,
                    curriculum_id=served.curriculum_id,
                    seq=day * answers + n,
                    occurred_at=moment,
                    scored_at=moment,
                    p=chance,
                    correct=float(rng.random() < chance - bias),
                )
            )
    Score.objects.bulk_create(rows)


LEARNERS: dict[UUID, list[Learner]] = {}


@pytest.fixture(autouse=True)
def nobody() -> None:
    LEARNERS.clear()


def after(n_days: int) -> datetime:
    return BEGIN + timedelta(days=n_days, hours=2)


def open_alerts(served: Deployment) -> set[str]:
    return set(drift.alerts(served.curriculum_id, None).filter(cleared_at=None).values_list("kind", flat=True))


def test_days_are_sums_of_the_scores(school: School, served: Deployment) -> None:
    simulate(school, served, 3)
    drift.watch(now=after(3))
    series = drift.series(served)
    assert [point.day for point in series] == [date(2026, 3, 1) + timedelta(days=n) for n in range(3)]
    for point in series:
        p, correct = np.array(Score.objects.filter(scored_at__date=point.day).values_list("p", "correct")).T
        loss = -(correct * np.log(p) + (1 - correct) * np.log1p(-p))
        assert (point.answers, point.learners) == (120, 20)
        assert point.log_loss == pytest.approx(loss.mean())
        assert (point.expected, point.observed) == (pytest.approx(p.mean()), pytest.approx(correct.mean()))


def test_the_error_of_a_day_is_that_of_learners_drawn(school: School, served: Deployment) -> None:
    simulate(school, served, 1)
    drift.watch(now=after(1))
    point = drift.series(served)[0]
    loss = np.array(
        [-np.log(p) if y else -np.log1p(-p) for p, y in Score.objects.order_by("seq").values_list("p", "correct")]
    )
    of_learner = loss.reshape(-1, 20)  # one row a round of all learners
    expected = np.sqrt(np.square((of_learner - loss.mean()).sum(axis=0)).sum()) / loss.size
    assert point.error == pytest.approx(expected)


def test_summing_up_again_changes_nothing(school: School, served: Deployment) -> None:
    simulate(school, served, 4)
    drift.watch(now=after(3))
    before = list(DriftDay.objects.order_by("day").values())
    drift.watch(now=after(3))
    assert list(DriftDay.objects.order_by("day").values()) == before
    drift.watch(now=after(4))
    assert DriftDay.objects.count() == 4


def test_a_day_is_not_summed_up_before_it_is_over(school: School, served: Deployment) -> None:
    simulate(school, served, 2)
    drift.watch(now=BEGIN + timedelta(days=1, hours=23))
    assert [day.day for day in DriftDay.objects.all()] == [date(2026, 3, 1)]


def test_what_is_remembered_outlives_the_scores(school: School, served: Deployment) -> None:
    simulate(school, served, 3)
    drift.watch(now=after(3))
    Score.objects.all().delete()
    drift.watch(now=after(70))
    assert len(drift.series(served)) == 3


def test_a_champion_in_order_raises_no_alert(school: School, served: Deployment) -> None:
    simulate(school, served, 45)
    drift.watch(now=after(45))
    assert open_alerts(served) == set()


def test_a_champion_that_expects_too_much_is_told_of_and_cleared_when_that_is_over(
    school: School, served: Deployment
) -> None:
    simulate(school, served, 25)
    drift.watch(now=after(25))
    simulate(school, served, 10, start=25, seed=1, bias=0.25)
    drift.watch(now=after(35))
    assert open_alerts(served) == {"log_loss", "calibration"}
    drift.watch(now=after(35))
    assert DriftAlert.objects.count() == 2, "one alert of a kind at a time"
    simulate(school, served, 20, start=35, seed=2)
    drift.watch(now=after(55))
    assert open_alerts(served) == set()
    assert DriftAlert.objects.exclude(cleared_at=None).count() == 2


def test_other_learners_or_content_are_told_of_though_the_champion_is_right(school: School, served: Deployment) -> None:
    simulate(school, served, 25)
    simulate(school, served, 10, start=25, seed=1, p=(0.05, 0.35))
    drift.watch(now=after(35))
    assert "input" in open_alerts(served)
    assert "calibration" not in open_alerts(served)
    last = drift.series(served)[-1]
    assert last.psi and last.psi_limit and last.psi > last.psi_limit >= drift.LARGE_PSI


def test_few_answers_a_day_are_put_together(school: School, served: Deployment) -> None:
    simulate(school, served, 12, answers=20)
    drift.watch(now=after(12))
    assert [point.answers for point in drift.series(served)] == [60, 60, 60, 60]


def test_alerts_of_a_version_that_serves_no_longer_are_over(school: School, served: Deployment) -> None:
    simulate(school, served, 25)
    simulate(school, served, 10, start=25, seed=1, bias=0.25)
    drift.watch(now=after(35))
    deployments.promote(a_version(served.curriculum), now=after(35))
    drift.watch(now=after(36))
    assert open_alerts(served) == set()


def test_an_imported_log_says_nothing_of_today(school: School, served: Deployment) -> None:
    simulate(school, served, 2)
    Score.objects.update(occurred_at=BEGIN - timedelta(days=300))
    drift.watch(now=after(2))
    assert drift.series(served) == []


def test_schools_of_their_own_are_watched_by_themselves(
    school: School, other_school: School, served: Deployment
) -> None:
    own = deployments.promote(served.champion, school_id=other_school.pk, now=BEGIN)
    simulate(school, served, 2)
    drift.watch(now=after(2))
    assert (len(drift.series(served)), len(drift.series(own))) == (2, 0)


def test_live_answers_get_into_the_charts(school: School, served: Deployment) -> None:
    group = learners(school, 10)
    moment = BEGIN + timedelta(hours=5)
    record(school, [answer(each, served.curriculum, seconds=moment.timestamp()) for each in group], now=moment)
    for minute in range(1, 7):
        later = moment + timedelta(minutes=minute)
        record(school, [answer(each, served.curriculum, seconds=later.timestamp()) for each in group], now=later)
    work(now=moment + timedelta(minutes=9))
    drift.watch(now=after(1))
    assert [(point.answers, point.learners) for point in drift.series(served)] == [(70, 10)]
