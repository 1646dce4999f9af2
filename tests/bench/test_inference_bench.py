"""What the benchmark of inference compares is comparable: the same answers, the same beliefs, on every device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.bench import inference


@pytest.fixture(scope="module")
def model() -> Any:
    return inference.fitted(quick=True)


def apart(model: Any, device: str, precision: str) -> float:
    """The largest difference of any probability from float32 on the CPU."""
    exact = inference.beliefs(model.to("cpu"))
    with inference.precisions(device)[precision]:
        found = inference.beliefs(model.to(device))
    model.to("cpu")
    return max(float(np.abs(a - b).max()) for a, b in zip(exact, found, strict=True))


def test_beliefs_are_the_same_again(model: Any) -> None:
    assert apart(model, "cpu", "float32") == 0.0


def test_half_precision_is_not_exact_enough_for_states_that_are_kept(model: Any) -> None:
    """So float32 is the default: a state folded again must give the same beliefs, on whichever device."""
    assert inference.WANTED_AGREEMENT < apart(model, "cpu", "bfloat16") < 0.1


@pytest.mark.gpu
def test_a_card_believes_what_the_cpu_believes(model: Any) -> None:
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    assert apart(model, "cuda", "float32") <= inference.WANTED_AGREEMENT
