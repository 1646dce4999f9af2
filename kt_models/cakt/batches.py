"""Sequences as tensors, learners of similar length together, long histories in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kt_models.base import Float32
from kt_models.cakt.config import Config
from kt_models.cakt.frames import CREDIT, DIFFICULTY, ELAPSED, LAG, SURPRISE, TIMED, Frames
from kt_models.cakt.network import Window
from kt_models.cakt.sequence import Sequences
from kt_models.recall import Int


def event_columns(config: Config) -> list[int]:
    """Fields of an event that the network reads beside concept and credit."""
    return [SURPRISE, DIFFICULTY] * bool(config.items) + [LAG, ELAPSED, TIMED] * bool(config.time)


def frame_columns(config: Config) -> int:
    """Number of fields of a frame and the question together: whether it is the item asked, steps since then."""
    return bool(config.items) + bool(config.counts)


@final
@dataclass(frozen=True, eq=False)
class Batch:
    """Some steps of B learners, padded to T; a cell is learner T + step.

    Attributes:
        lengths: (B,) steps of each, at least 1, on the CPU.     mask, target: (B, T).     head: (B, T, features).
        concept, credit, cell, share: (pairs,).     fields: (pairs, event fields).
        window: the distinct windows with a frame.     of: (windows,) which of them each is.
        window_cell, window_share: (windows,).     windowed: (B, T) share of the cell's windows that have a frame.
        rows: (B, T) the answer in each cell, -1 where there is none.
    """

    lengths: Tensor
    mask: Tensor
    target: Tensor
    head: Tensor
    concept: Tensor
    credit: Tensor
    cell: Tensor
    share: Tensor
    fields: Tensor
    window: Window
    of: Tensor
    window_cell: Tensor
    window_share: Tensor
    windowed: Tensor
    rows: Int

    @property
    def shape(self) -> tuple[int, int]:
        b, t = self.mask.shape
        return b, t


def window_of(config: Config, frames: Frames, device: torch.device, weight: Float32 | None = None) -> Window:
    """Frames as tensors."""
    columns = frames.fields[..., event_columns(config)]
    if config.items:
        columns = np.concatenate([columns, frames.same_item[..., None]], axis=-1)
    if config.counts:
        columns = np.concatenate([columns, np.log1p(frames.gap_steps)[..., None] / 3.0], axis=-1)
    gap = frames.gap_days if config.decay == "days" else frames.gap_steps
    times = np.ones(len(frames), np.float32) if weight is None else weight
    arrays = (frames.concept, frames.fields[..., CREDIT], gap, frames.mask, columns, times)
    concept, *others = (torch.as_tensor(np.ascontiguousarray(x), device=device) for x in arrays)
    return Window(concept, *(x.float() for x in others))


def _distinct(config: Config, frames: Frames) -> tuple[Int, Int, Float32]:
    """Rows of the distinct windows, which of them each is, and how often it occurs. Windows with fields all differ."""
    n = len(frames)
    if event_columns(config) or frame_columns(config) or config.decay == "days":
        return np.arange(n), np.arange(n), np.ones(n, np.float32)
    credit = np.round(frames.fields[..., CREDIT] * 1024).astype(np.int32)
    gap = frames.gap_steps if config.decay == "steps" else np.zeros_like(frames.gap_steps)
    key = np.concatenate([frames.concept[:, :1].astype(np.int32), credit, gap, frames.mask], axis=1).astype(np.int32)
    _, first, of, times = np.unique(key, axis=0, return_index=True, return_inverse=True, return_counts=True)
    return first, of.reshape(-1), times.astype(np.float32)


def batch(
    config: Config, made: Sequences, learners: Int, start: int, stop: int, device: torch.device, *, merge: bool
) -> Batch:
    """Steps start to stop - 1 (of those in `made`) of learners, all of whom have more than `start`.

    `merge` convolves equal windows once; results then may differ in rounding between batches.
    """
    lengths = np.minimum(np.diff(made.offset)[learners], stop) - start
    b, t = len(learners), int(lengths.max())
    mask = np.arange(t) < lengths[:, None]
    rows = np.where(mask, made.offset[learners][:, None] + start + np.arange(t), -1)
    flat, cells = rows[mask], np.flatnonzero(mask)
    order = np.argsort(flat, kind="stable")
    flat, cells = flat[order], cells[order]
    counts = made.lists.counts[flat]
    pair = np.repeat(made.lists.offset[flat] - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))
    owner, share = np.repeat(cells, counts), np.repeat(1.0 / counts, counts).astype(np.float32)
    answer = np.repeat(flat, counts)
    fields = made.events.fields[made.first_pair + pair]
    window, has = _windows(config, made, pair, answer)
    windowed = np.bincount(owner[has], weights=share[has], minlength=b * t).astype(np.float32)
    first, of, times = _distinct(config, window) if merge else (np.arange(len(window)),) * 2 + (None,)
    head = np.zeros((b, t, made.head.shape[1]), np.float32)
    head[mask], target = made.head[rows[mask]], np.zeros((b, t), np.float32)
    target[mask] = made.credit[rows[mask]]

    def tensor(x: NDArray[Any]) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(x), device=device)

    return Batch(
        torch.as_tensor(lengths), tensor(mask), tensor(target), tensor(head), tensor(made.known[pair]),
        tensor(fields[:, CREDIT]), tensor(owner), tensor(share), tensor(fields[:, event_columns(config)]),
        window_of(config, window.take(first), device, times), tensor(of), tensor(owner[has]), tensor(share[has]),
        tensor(windowed.reshape(b, t)), rows,
    )  # fmt: skip


def _windows(config: Config, made: Sequences, pair: Int, answer: Int) -> tuple[Frames, Int]:
    """Windows of pairs that hold a frame, and which pairs these are."""
    index = made.window[pair] if config.encoder != "none" else np.full((len(pair), config.frames), -1)
    has = np.flatnonzero((index >= 0).any(axis=1))
    # A window up to and with an answer is for the question after it.
    step = made.step[answer[has]] + (0 if config.keyed_on_next else 1)
    item = made.item[answer[has]]
    if not config.keyed_on_next:
        item = np.full(len(item), -1)
    return made.events.frames(index[has], step, made.seconds[answer[has]], made.lag[answer[has]], item), has


def chunks(lengths: Int, learners: Int, chunk: int) -> Iterator[tuple[Int, int, int]]:
    """Learners (by falling length) who have answers there, start and stop, of each stretch of `chunk` answers."""
    left = lengths[learners]
    for start in range(0, int(left.max(initial=0)), chunk):
        yield learners[: int(np.searchsorted(-left, -start, side="left"))], start, start + chunk


def by_length(lengths: Int, size: int, generator: np.random.Generator | None = None) -> list[Int]:
    """Learners with answers in groups of `size`, by falling length; drawn groups of like length if a generator is
    given."""
    order = np.flatnonzero(lengths > 0)
    if generator is None:
        order = order[np.argsort(-lengths[order], kind="stable")]
        return [order[at : at + size] for at in range(0, len(order), size)]
    # Like lengths of a random pool, so that groups differ from epoch to epoch.
    order, pool = generator.permutation(order), 20 * size
    pools = [order[at : at + pool] for at in range(0, len(order), pool)]
    groups = [
        part[at : at + size]
        for part in (some[np.argsort(-lengths[some], kind="stable")] for some in pools)
        for at in range(0, len(part), size)
    ]
    return [groups[i] for i in generator.permutation(len(groups))]
