"""Trials of a new policy beside the approved one: begun, watched and ended by people, and mixed by `guard` at night.

Each plan draws its arm with its own seed, so the log's `policy` tells the arm, and probabilities are those within it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final, NamedTuple, final
from uuid import UUID

import structlog
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from curricula.models import Curriculum
from tutor.accounts.access import NotFound
from tutor.accounts.models import Group
from tutor.apart import apart
from tutor.kept import Kept
from tutor.language import Sentence, Texts, told_again
from tutor.scheduling import configs, guard, rehearsals, trial_results
from tutor.scheduling.configs import Chosen
from tutor.scheduling.guard import Figures, Promise
from tutor.scheduling.ope.rewards import Kind
from tutor.scheduling.policies import POLICIES, Policy
from tutor.scheduling.policy_models import PolicyConfig, PolicyTrial, Rehearsal

log = structlog.get_logger()

STATE = PolicyTrial.State
#: A trial is looked at once a night, however often somebody rings.
PAUSE: Final = timedelta(hours=20)
#: Rewards in [0, 1], for bounds hold only there. `gain` is not among them: it lies in [-1, 1], and a share of a value
#: says nothing where that may be 0 or less.
REWARDS: Final = (Kind.RETENTION, Kind.SUCCESS, Kind.ANSWERED)
_KEPT_SHARE: Final = 1e-4
#: As a refusal names them.
_STATES: Final[Mapping[str, str]] = Texts(
    {
        STATE.RUNNING: gettext_noop("running"),
        STATE.PROMOTED: gettext_noop("promoted"),
        STATE.STOPPED: gettext_noop("stopped"),
    }
)


class CannotTry(ValueError):
    """A trial that makes no sense; `pointer` is the field, as a path in the body."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer


class Ended(CannotTry):
    """What is asked contradicts how the trial, or another one, stands."""


class Side(NamedTuple):
    """A policy by name, with what is set if it is a school's own."""

    policy: str
    config: PolicyConfig | None

    @property
    def chosen(self) -> Chosen:
        return configs.chosen(self.policy, self.config)


@final
@dataclass(frozen=True, eq=False)
class Arm:
    """The policy that makes a plan, drawn by a trial."""

    trial_id: UUID
    is_new: bool
    chosen: Chosen


class _Open(NamedTuple):
    trial_id: UUID
    share: float
    approved: Chosen
    new: Chosen


_Scope = tuple[UUID, UUID | None, UUID]


def arm(
    school_id: UUID, group_id: UUID | None, curriculum_id: UUID, agreed: str, seed: int, *, may_draw: bool = True
) -> Arm | None:  # fmt: skip
    """Who makes the plan of this seed; None where no trial holds, or a class has `agreed` on a policy of its own.

    The same seed draws the same arm; without `may_draw` it is the approved one until the new one is promoted. One small
    query every two seconds in a process, whoever asks.
    """
    found = _trial(school_id, group_id, curriculum_id, agreed)
    if found is None:
        return None
    is_new = _point(found.trial_id, seed) < found.share if may_draw else found.share >= 1
    return Arm(found.trial_id, is_new, found.new if is_new else found.approved)


def draws(school_id: UUID, group_id: UUID | None, curriculum_id: UUID, agreed: str) -> bool:
    """Whether a trial makes it a matter of a plan's seed by which policy it is made."""
    found = _trial(school_id, group_id, curriculum_id, agreed)
    return found is not None and 0 < found.share < 1


def read_by(school_id: UUID, group_id: UUID | None, curriculum_id: UUID, agreed: str) -> tuple[Policy, ...]:
    """Policies that a plan may be made by, whatever its seed; none where no trial holds."""
    found = _trial(school_id, group_id, curriculum_id, agreed)
    return () if found is None else (found.approved.policy, found.new.policy)


def mark(school_id: UUID, group_id: UUID | None, curriculum_id: UUID, agreed: str) -> str:
    """Changes when a trial begins, ends or is promoted, "" where none holds: a plan from before no longer does.

    Not when its share changes: a plan that was drawn by another share was drawn well.
    """
    found = _trial(school_id, group_id, curriculum_id, agreed)
    return "" if found is None else f"{found.trial_id}{'!' if found.share >= 1 else ''}"


def forget() -> None:
    """For tests that begin a trial and ask within the same two seconds."""
    _kept.clear()


def begin(
    school_id: UUID, curriculum: Curriculum, group: Group | None, *, approved: Side, new: Side, promise: Promise,
    reward: Kind = Kind.RETENTION, unrehearsed: str = "", by: str = "", now: datetime,
) -> PolicyTrial:  # fmt: skip
    """Mixes `promise.alpha` of the new policy in from now on. From one that was promoted here, the next may begin.

    Args:
        unrehearsed: why real learners are to meet it though no simulated ones have, or have in vain; else "".

    Raises:
        CannotTry: if the two are one, or cannot serve, or the reward has no bounds, or it has not been rehearsed.
        Ended: if another trial holds here.
    """
    _check(approved, new, reward)
    with transaction.atomic():
        _make_room(school_id, curriculum, group, approved, now)
        rehearsal = None if unrehearsed else _rehearsed(school_id, curriculum, approved, new, now)
        trial = PolicyTrial(
            school_id=school_id, curriculum=curriculum, group=group,
            approved_policy=approved.policy, approved_config=approved.config,
            new_policy=new.policy, new_config=new.config, reward=reward.value,
            alpha=promise.alpha, confidence=promise.confidence, warm_up=promise.warm_up,
            least_gain=promise.least_gain, mixing=promise.alpha, shares=[[now.timestamp(), promise.alpha]],
            rehearsal=rehearsal, unrehearsed=unrehearsed, created_by=by, created_at=now,
        )  # fmt: skip
        try:
            with transaction.atomic():
                trial.save(force_insert=True)
        except IntegrityError as error:
            raise Ended("", _("somebody else has begun a trial here just now: look at that one first")) from error
    _kept.clear()
    return trial


def stop(trial: PolicyTrial, *, reason: str = "", by: str = "", now: datetime) -> PolicyTrial:
    """Ends a trial, or takes a promotion back: what was agreed with each class holds again.

    Raises:
        Ended: if it has ended.
    """
    return _decide(trial, STATE.STOPPED, Q(), reason=reason, by=by, now=now, ended_at=now, mixing=0.0)


def promote(trial: PolicyTrial, *, anyway: bool = False, reason: str = "", by: str = "", now: datetime) -> PolicyTrial:
    """Lets the new policy make every plan, until it is stopped or the next trial begins from it.

    Raises:
        CannotTry: if the results do not say that it is better, and `anyway` does not give a reason.
        Ended: if it has ended, or was promoted.
    """
    if trial.proposed_at is None and not (anyway and reason):
        text = _(
            'the results do not say yet that the new policy is better (%(told)s): wait, or send "anyway": true with a '
            "reason"
        )
        raise Ended("", text % {"told": _said(trial.figures)})
    return _decide(trial, STATE.PROMOTED, Q(state=STATE.RUNNING), reason=reason, by=by, now=now, mixing=1.0)


def visible(school_id: UUID) -> QuerySet[PolicyTrial]:
    return PolicyTrial.objects.filter(school_id=school_id).select_related("approved_config", "new_config")


def access(school_id: UUID, trial_id: UUID) -> PolicyTrial:
    """Raises:
    NotFound: alike for what is absent and what is another school's.
    """
    found = visible(school_id).filter(pk=trial_id).first()
    if found is None:
        raise NotFound("policy trial", trial_id)
    return found


def look_at_all(*, now: datetime) -> int:
    """Lets results set each running trial's share, and stop what is surely worse; how many were looked at."""
    due = PolicyTrial.objects.filter(Q(looked_at=None) | Q(looked_at__lt=now - PAUSE), state=STATE.RUNNING)
    return sum(_looked(pk, now) for pk in due.order_by("id").values_list("pk", flat=True))


def sides(trial: PolicyTrial) -> tuple[Side, Side]:
    """The approved one, and the new one."""
    return Side(trial.approved_policy, trial.approved_config), Side(trial.new_policy, trial.new_config)


def promise_of(trial: PolicyTrial) -> Promise:
    return Promise(trial.alpha, trial.confidence, trial.warm_up, trial.least_gain)


def _looked(pk: UUID, now: datetime) -> bool:
    """One trial; what goes wrong with it holds up no other."""
    with apart("policy_trial_not_looked_at", trial=str(pk)):
        return _look(pk, now)
    return False


def _look(pk: UUID, now: datetime) -> bool:
    with transaction.atomic():
        found = PolicyTrial.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=pk, state=STATE.RUNNING)
        trial = found.select_related("approved_config", "new_config").first()
        if trial is None or (trial.looked_at and trial.looked_at >= now - PAUSE):
            return False
        results = trial_results.read(trial, now=now)
        # Nothing new, nothing to be wrong about: a look costs certainty.
        if results.counted != trial.figures.get("counted"):
            trial.looks += 1
            told = guard.look(results.approved, results.new, promise_of(trial), at=trial.looks)
            trial.figures = told.to_json() | {"counted": results.counted, "pending": results.pending}
            _follow(trial, told, now)
        else:
            trial.figures["pending"] = results.pending
        trial.looked_at = now
        trial.save()
    _kept.clear()
    return True


def _follow(trial: PolicyTrial, told: Figures, now: datetime) -> None:
    if told.verdict == "worse":
        trial.state, trial.ended_at, trial.decided_at, trial.decided_by = STATE.STOPPED, now, now, "guard"
        trial.reason = f"surely worse than the approved policy: {_said(trial.figures)}"
        _mix(trial, 0.0, now)
        log.warning("policy_trial_stopped", trial=str(trial.pk), **told.to_json())
        return
    trial.proposed_at = (trial.proposed_at or now) if told.verdict == "better" else None
    _mix(trial, told.share, now)


def _mix(trial: PolicyTrial, share: float, now: datetime) -> None:
    if abs(share - trial.mixing) > _KEPT_SHARE:
        trial.mixing = share
        trial.shares = [*trial.shares, [now.timestamp(), share]]


def _decide(
    trial: PolicyTrial, state: PolicyTrial.State, only: Q, *, reason: str, by: str, now: datetime, mixing: float,
    **changes: Any,
) -> PolicyTrial:  # fmt: skip
    with transaction.atomic():
        open_ = PolicyTrial.objects.select_for_update().filter(only, pk=trial.pk, ended_at=None).first()
        if open_ is None:
            trial.refresh_from_db()
            raise Ended("", _("the trial was %(state)s already: begin another one") % {"state": _STATES[trial.state]})
        open_.state, open_.reason, open_.decided_by, open_.decided_at = state, reason, by, now
        for name, value in changes.items():
            setattr(open_, name, value)
        _mix(open_, mixing, now)
        open_.save()
    _kept.clear()
    trial.refresh_from_db()
    return trial


def _check(approved: Side, new: Side, reward: Kind) -> None:
    if reward not in REWARDS:
        text = _("reward '%(reward)s' is not within 0 and 1: give one of %(rewards)s")
        raise CannotTry("/reward", text % {"reward": reward.value, "rewards": ", ".join(REWARDS)})
    if approved == new:
        raise CannotTry("/new", _("both are '%(policy)s': give another policy to try") % {"policy": new.chosen.label})
    for pointer, side in (("/approved", approved), ("/new", new)):
        if side.config is not None and side.config.retired_at is not None:
            text = _("policy '%(policy)s' is retired: make a new version of it")
            raise CannotTry(pointer, text % {"policy": side.config.name})
        if POLICIES[side.policy].needs_exam and side.config is None:
            text = _("policy '%(policy)s' needs a date: make one of your own with exam_at")
            raise CannotTry(pointer, text % {"policy": side.policy})


def _rehearsed(school_id: UUID, curriculum: Curriculum, approved: Side, new: Side, now: datetime) -> Rehearsal:
    found = rehearsals.newest(school_id, curriculum.pk, new, approved, now=now)
    if found is None:
        text = _(
            "'%(new)s' has not been tried against '%(approved)s' on simulated learners of this curriculum in the last "
            "%(days)s days: send it to :rehearse first, or say in `unrehearsed` why without"
        )
        said = {"new": new.chosen.label, "approved": approved.chosen.label, "days": rehearsals.HOLDS.days}
        raise CannotTry("/new", text % said)
    if not found.report["passed"]:
        text = _(
            "on simulated learners '%(new)s' %(reason)s (rehearsal %(id)s): change it, or say in `unrehearsed` why it "
            "is to be tried all the same"
        )
        reason = told_again(found.report["reason"], found.said, "/report/reason")
        raise CannotTry("/new", text % {"new": new.chosen.label, "reason": reason, "id": found.pk})
    return found


def _make_room(
    school_id: UUID, curriculum: Curriculum, group: Group | None, approved: Side, now: datetime
) -> None:  # fmt: skip
    before = PolicyTrial.objects.select_for_update(of=("self",)).select_related("new_config").filter(
        school_id=school_id, curriculum=curriculum, group=group, ended_at=None
    ).first()  # fmt: skip
    if before is None:
        return
    serves = Side(before.new_policy, before.new_config)
    if before.state == STATE.RUNNING:
        raise Ended("", _("trial %(id)s is running here: stop or promote it first") % {"id": before.pk})
    if serves != approved:
        text = _("'%(policy)s' was promoted here (trial %(id)s): try against that, or stop it")
        raise Ended("/approved", text % {"policy": serves.chosen.label, "id": before.pk})
    before.ended_at = now
    before.save(update_fields=["ended_at"])


def _said(figures: Mapping[str, Any]) -> str:
    if figures.get("learners") is None or figures.get("new") is None:
        return _("no learner has met both")
    text = gettext_noop(
        "{new:.3f} to {approved:.3f} of {learners} learners, the difference surely within {low:+.3f} and {high:+.3f}"
    )
    return Sentence(text, **{name: figures[name] for name in ("new", "approved", "learners", "low", "high")})


def _trial(school_id: UUID, group_id: UUID | None, curriculum_id: UUID, agreed: str) -> _Open | None:
    """The class's own, else the school's, unless the class has agreed on another policy than the one approved there."""
    open_ = _kept.get(None)
    if not open_:
        return None
    own = open_.get((school_id, group_id, curriculum_id)) if group_id else None
    everywhere = open_.get((school_id, None, curriculum_id))
    return own or (everywhere if everywhere and agreed in ("", everywhere.approved.policy.name) else None)


def _read_open(_: None) -> dict[_Scope, _Open]:
    rows = PolicyTrial.objects.filter(ended_at=None).select_related("approved_config", "new_config")
    found: dict[_Scope, _Open] = {}
    for trial in rows:
        approved, new = sides(trial)
        # A policy, or what could be set of it, may have left with a release; what was agreed with the class then holds.
        if not {approved.policy, new.policy} <= POLICIES.keys():
            continue
        scope = trial.school_id, trial.group_id, trial.curriculum_id
        try:
            found[scope] = _Open(trial.pk, trial.mixing, approved.chosen, new.chosen)
        except configs.BadConfig as error:
            log.error("policy_trial_cannot_serve", trial=str(trial.pk), error=str(error))
    return found


_kept: Final[Kept[None, dict[_Scope, _Open]]] = Kept(_read_open)


def _point(trial_id: UUID, seed: int) -> float:
    """In [0, 1), not of the draws that explore: those must not tell the arm."""
    digest = blake2b(f"{trial_id}:{seed}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
