"""Recall tables: what a learner model expects to be recalled, by concept and delay. Numpy only, loads without torch.

A worker writes one table a learner; whoever asks later (web, scheduler) reads it without the model that made it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]

SECONDS_PER_DAY: Final = 86_400.0
#: Delays at which a table holds values, in seconds: dense where forgetting is fast, at most a school year ahead.
DELAYS: Final[Float] = np.array(
    [0, 600, 3_600, 4 * 3_600, 12 * 3_600] + [days * SECONDS_PER_DAY for days in (1, 2, 4, 8, 16, 32, 64, 128, 365)],
    dtype=np.float64,
)
#: The delay at which `RecallTable.rest_after` holds what one practice of a concept without a row is worth.
REST_DELAY: Final = SECONDS_PER_DAY
#: Standard normal quantile of a central 90 % interval.
Z90: Final = 1.6448536269514722
#: Probabilities are kept this far from 0 and 1: their logit stays finite and below the resolution of the bytes.
EPSILON: Final = 1e-4
#: Spreads in the bytes are in steps of this many logits; 65,535 steps reach 13 logits.
SPREAD_STEP: Final = 2e-4

_MAGIC: Final = b"TRT1"
_HEADER: Final = struct.Struct("<4sHHIId")  # magic, version, delays, rows, concepts, origin
_AXIS: Final = np.log1p(DELAYS / DELAYS[1])


class BadRecallTable(ValueError):
    """The bytes are no recall table of this version."""


def logit(p: ArrayLike) -> Float:
    """log(p / (1 - p)), with p held inside [EPSILON, 1 - EPSILON]."""
    inside = np.clip(np.asarray(p, dtype=np.float64), EPSILON, 1.0 - EPSILON)
    return np.log(inside) - np.log1p(-inside)


def sigmoid(x: ArrayLike) -> Float:
    """1 / (1 + exp(-x)), without overflow: 0.5 (1 + tanh(x / 2))."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.asarray(x, dtype=np.float64)))


def logistic_normal_mean(mean: ArrayLike, sd: ArrayLike) -> Float:
    """E[sigmoid(x)] of x ~ N(mean, sd^2), by sigmoid(mean / sqrt(1 + pi sd^2 / 8)) (MacKay 1992); error below 0.02."""
    return sigmoid(np.asarray(mean) / np.sqrt(1.0 + np.pi * np.square(sd) / 8.0))


def interval(p: ArrayLike, logit_sd: ArrayLike, z: float = Z90) -> tuple[Float, Float]:
    """Central interval of a probability whose logit is Gaussian with mean chosen so that E[sigmoid] = p.

        m = logit(p) sqrt(1 + pi s^2 / 8);   (low, high) = sigmoid(m -+ z s)

    Args:
        p: mean probability, any shape.      logit_sd: s >= 0, same shape.      z: normal quantile, 90 % by default.
    """
    sd = np.asarray(logit_sd, dtype=np.float64)
    centre = logit(p) * np.sqrt(1.0 + np.pi * np.square(sd) / 8.0)
    return sigmoid(centre - z * sd), sigmoid(centre + z * sd)


@final
@dataclass(frozen=True, eq=False)
class RecallTable:
    """Recall of one learner from `origin` on, without and with one practice at `origin`.

    Concepts that change with the delay in ways of their own have a row; all others (never practised, as a rule) have
    one value, and change together: their logit, Gaussian, moves by `shift` and spreads by `growth`. Between delays the
    logit is interpolated linearly over log(1 + delay / 10 min); beyond the last it is kept.

    Attributes:
        origin: seconds since the Unix epoch at which delay is 0.
        concept: (rows,) ascending positions of the concepts that have a row.
        recall, after, logit_sd: (rows, delays) probability of a correct answer after a delay; the same expected after
            one practice at `origin`, over both outcomes; standard deviation of the logit of `recall`.
        rest_recall, rest_after, rest_sd: (concepts,) the same three for concepts without a row; what one practice is
            worth fades there as well, so `rest_after` is its value after `REST_DELAY`.
        shift, growth: (delays,) logits added to the mean, and variance added, of the logit of concepts without a row.
    """

    origin: float
    concept: Int
    recall: Float
    after: Float
    logit_sd: Float
    rest_recall: Float
    rest_after: Float
    rest_sd: Float
    shift: Float = field(default_factory=lambda: np.zeros(DELAYS.shape[0]))
    growth: Float = field(default_factory=lambda: np.zeros(DELAYS.shape[0]))

    @property
    def n_concepts(self) -> int:
        return int(self.rest_recall.shape[0])

    @cached_property
    def _row(self) -> Int:
        row = np.full(self.n_concepts, -1, dtype=np.int64)
        row[self.concept] = np.arange(self.concept.shape[0])
        return row

    def has_row(self) -> NDArray[np.bool_]:
        """(concepts,) whether recall changes with time, which is so once a concept was practised."""
        return self._row >= 0

    def at(self, seconds: float) -> Float:
        """Recall of every concept at a time, shape (concepts,). Times before `origin` count as `origin`."""
        return self._at(self.recall, self.rest_recall, seconds)

    def sd_at(self, seconds: float) -> Float:
        """Standard deviation of the logit of recall at a time, shape (concepts,)."""
        left, weight = _bracket(seconds - self.origin)
        out = self.rest_sd.copy()
        if self._moves:
            out = np.sqrt(np.maximum(np.square(out) + _between(self.growth, left, weight), 0.0))
        out[self.concept] = (1 - weight) * self.logit_sd[:, left] + weight * self.logit_sd[:, left + 1]
        return out

    def after_at(self, practice: float, seconds: float) -> Float:
        """Recall at `seconds` if each concept were practised once at `practice`, shape (concepts,).

        Exact when `practice` is `origin`. Later, the gain in logits that the same pause had at `origin` is added to
        the recall then: what the model would say but for the spacing of that one practice.
        """
        pause = max(seconds - practice, 0.0)
        start = self.origin + pause
        gain = logit(self._at(self.after, self.rest_after, start)) - logit(self.at(start))
        return sigmoid(logit(self.at(max(seconds, practice))) + gain)

    def time_until(self, target: ArrayLike) -> Float:
        """Seconds from `origin` until recall first falls below `target`, shape (concepts,); 0 if it is below already.

        `target` is one probability for all concepts, or one each.

        Infinite where the table never falls below it: most concepts without a row that start above it, unless they
        move (`shift`).
        """
        targets = np.broadcast_to(np.asarray(target, dtype=np.float64), self.rest_recall.shape)
        out = np.where(self.rest_recall < targets, 0.0, np.inf)
        if self._moves:
            moves = zip(self.shift.tolist(), self.growth.tolist(), strict=True)
            grid = [self._moved(self.rest_recall, shift, growth) for shift, growth in moves]
            out = _first_crossing(np.stack(grid, axis=1), targets)
        if self.concept.shape[0]:
            out[self.concept] = _first_crossing(self.recall, targets[self.concept])
        return out

    def to_bytes(self) -> bytes:
        rows, delays = self.recall.shape
        head = _HEADER.pack(_MAGIC, 2 if self._moves else 1, delays, rows, self.n_concepts, self.origin)
        parts = [head, self.concept.astype("<i4").tobytes()]
        parts += [_probability_bytes(x) for x in (self.recall, self.after)] + [_spread_bytes(self.logit_sd)]
        parts += [_probability_bytes(x) for x in (self.rest_recall, self.rest_after)] + [_spread_bytes(self.rest_sd)]
        if self._moves:
            parts += [self.shift.astype("<f4").tobytes(), self.growth.astype("<f4").tobytes()]
        return b"".join(parts)

    @classmethod
    def from_bytes(cls, data: bytes) -> RecallTable:
        """Reads `to_bytes`; values agree to 1e-5 in probability.

        Raises:
            BadRecallTable: if the bytes are of another format, another grid of delays, cut short, or name no concepts.
        """
        version, rows, concepts, origin = _read_header(data)
        delays, cells = DELAYS.shape[0], rows * DELAYS.shape[0]
        concept = np.frombuffer(data, "<i4", rows, _HEADER.size).astype(np.int64)
        if not np.isfinite(origin) or (concept < 0).any() or (concept >= concepts).any():
            raise BadRecallTable(f"a row outside of {concepts} concepts, or no time: forecast the learner again")
        cell = np.frombuffer(data, "<u2", 3 * (cells + concepts), _HEADER.size + 4 * rows)
        p = cell / 65_535.0
        spread = cell * SPREAD_STEP
        grid = (rows, delays)
        rest = 3 * cells
        end = _HEADER.size + 4 * rows + 6 * (cells + concepts)
        moves = np.frombuffer(data, "<f4", 2 * delays, end) if version == 2 else np.zeros(2 * delays)
        return cls(
            origin=origin,
            concept=concept,
            recall=p[:cells].reshape(grid),
            after=p[cells : 2 * cells].reshape(grid),
            logit_sd=spread[2 * cells : rest].reshape(grid),
            rest_recall=p[rest : rest + concepts],
            rest_after=p[rest + concepts : rest + 2 * concepts],
            rest_sd=spread[rest + 2 * concepts :],
            shift=moves[:delays].astype(np.float64),
            growth=moves[delays:].astype(np.float64),
        )

    @cached_property
    def _moves(self) -> bool:
        return bool(self.shift.any() or self.growth.any())

    def _at(self, grid: Float, rest: Float, seconds: float) -> Float:
        left, weight = _bracket(seconds - self.origin)
        out = rest.copy()
        if self._moves:
            out = self._moved(rest, _between(self.shift, left, weight), _between(self.growth, left, weight))
        out[self.concept] = sigmoid((1 - weight) * logit(grid[:, left]) + weight * logit(grid[:, left + 1]))
        return out

    def _moved(self, rest: Float, shift: float, growth: float) -> Float:
        """Probabilities (concepts,) of concepts without a row after their logits have moved and spread."""
        variance = np.square(self.rest_sd)
        mean = logit(rest) * np.sqrt(1.0 + np.pi * variance / 8.0) + shift
        return logistic_normal_mean(mean, np.sqrt(np.maximum(variance + growth, 0.0)))


def _between(values: Float, left: int, weight: float) -> float:
    return float((1 - weight) * values[left] + weight * values[left + 1])


def _bracket(delay: float) -> tuple[int, float]:
    """Index of the grid point at or left of a delay, and the weight of the next one."""
    x = np.log1p(min(max(delay, 0.0), float(DELAYS[-1])) / DELAYS[1])
    left = min(int(np.searchsorted(_AXIS, x, side="right")) - 1, DELAYS.shape[0] - 2)
    return left, float((x - _AXIS[left]) / (_AXIS[left + 1] - _AXIS[left]))


def _first_crossing(recall: Float, target: Float) -> Float:
    """Of each row, shape (rows, delays), below its own target, shape (rows,)."""
    below = recall < target[:, None]
    first = np.argmax(below, axis=1)
    row = np.arange(recall.shape[0])
    left = np.maximum(first - 1, 0)
    high, low = logit(recall[row, left]), logit(recall[row, first])
    weight = np.clip((high - logit(target)) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    crossing = DELAYS[1] * np.expm1(_AXIS[left] + weight * (_AXIS[first] - _AXIS[left]))
    return np.where(below[:, 0], 0.0, np.where(below.any(axis=1), crossing, np.inf))


def _probability_bytes(p: Float) -> bytes:
    return np.rint(np.clip(p, EPSILON, 1 - EPSILON) * 65_535.0).astype("<u2").tobytes()


def _spread_bytes(sd: Float) -> bytes:
    return np.rint(np.clip(sd / SPREAD_STEP, 0, 65_535)).astype("<u2").tobytes()


def _read_header(data: bytes) -> tuple[int, int, int, float]:
    """Version, rows, concepts, origin."""
    if len(data) < _HEADER.size or data[:4] != _MAGIC:
        raise BadRecallTable(f"{data[:4]!r} does not open a recall table ({_MAGIC!r} does): forecast the learner again")
    _, version, delays, rows, concepts, origin = _HEADER.unpack_from(data)
    if version not in (1, 2) or delays != DELAYS.shape[0]:
        raise BadRecallTable(
            f"recall table of version {version} with {delays} delays; this code reads versions 1 and 2 with "
            f"{DELAYS.shape[0]}: forecast the learner again"
        )
    expected = _HEADER.size + 4 * rows + 6 * (rows * delays + concepts) + (8 * delays if version == 2 else 0)
    if len(data) != expected:
        raise BadRecallTable(f"recall table of {len(data)} bytes, {expected} expected: forecast the learner again")
    return version, rows, concepts, origin
