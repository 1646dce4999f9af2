"""Fitting on several processes (torchrun): each takes a share of the learners, gradients and sites are summed.

Without an initialised process group, every function here does nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch import distributed as dist

from kt_models.recall import Float


def active() -> bool:
    return dist.is_available() and dist.is_initialized()


def average(parameters: Sequence[Tensor]) -> None:
    """Replaces the gradients of parameters by their mean over processes."""
    if not active() or not parameters:
        return
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    for p, gradient in zip(parameters, torch.split(flat, [p.numel() for p in parameters]), strict=True):
        p.grad = gradient.reshape(p.shape)


def average_values(values: Sequence[Tensor]) -> None:
    """Replaces tensors by their mean over processes."""
    if not active():
        return
    for value in values:
        dist.all_reduce(value)
        value /= dist.get_world_size()


def rank() -> tuple[int, ...]:
    """The number of this process, nothing where there is one only."""
    return (dist.get_rank(),) if active() else ()


def size() -> int:
    """How many processes there are."""
    return dist.get_world_size() if active() else 1


def meet() -> None:
    """Waits for all processes."""
    if active():
        dist.barrier()


def largest(value: int) -> int:
    """Maximum over processes."""
    if not active():
        return value
    tensor = torch.tensor(value)
    dist.all_reduce(tensor, dist.ReduceOp.MAX)
    return int(tensor)


def first() -> bool:
    """Whether this process is the one that writes files."""
    return not active() or dist.get_rank() == 0


def total(value: float) -> float:
    """Sum over processes."""
    return float(sum_arrays(np.array([value]))[0])


def mean(value: float) -> float:
    """Mean over processes: the same number on each, though each found its own to another last digit."""
    return total(value) / size()


def sum_arrays(values: Float) -> Float:
    """Sum over processes of arrays of one shape."""
    if not active():
        return values
    tensor = torch.as_tensor(values)
    dist.all_reduce(tensor)
    return tensor.cpu().numpy()


def share(n: int) -> range:
    """Which of `n` things this process takes."""
    if not active():
        return range(n)
    return range(dist.get_rank(), n, dist.get_world_size())
