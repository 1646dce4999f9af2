"""Matrix products of a frozen network, and its LSTMs taken apart into them."""

from __future__ import annotations

from typing import cast, final

import torch
from torch import Tensor, nn


@final
class Linear:
    """x -> W x (+ b), with W laid out once for many calls."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.weight, self.bias = weight, bias
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous()) if _packs(weight) else None

    def __call__(self, x: Tensor) -> Tensor:
        if self.packed is None or torch.is_autocast_enabled("cpu"):
            return nn.functional.linear(x, self.weight, self.bias)
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, "none", [], "")
        return out


def _packs(weight: Tensor) -> bool:
    """Whether oneDNN multiplies by it: MKL, the default of torch, takes twice as long on processors but Intel's."""
    kind = weight.device.type == "cpu" and weight.dtype == torch.float32
    there = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
    return kind and there and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def gates_of_input(layer: nn.LSTM) -> Linear:
    """What an input x gives to the gates, for `stepped`."""
    return Linear(*(_doubled(weight) for weight in _weights(layer)[0::2]))


def gates_of_state(layer: nn.LSTM) -> Linear:
    """What a state h gives to the gates, for `stepped`."""
    return Linear(*(_doubled(weight) for weight in _weights(layer)[1::2]))


def _weights(layer: nn.LSTM) -> list[Tensor]:
    return cast(list[Tensor], layer._flat_weights)


def _doubled(weight: Tensor) -> Tensor:
    """Of an LSTM, (4 d, ...): its new values are tanh x = 2 sigmoid(2 x) - 1, in a tenth of the time of `tanh`."""
    out, d = weight.clone(), len(weight) // 4
    out[2 * d : 3 * d] *= 2.0
    return out


def stepped(gates: Tensor, c: Tensor) -> Tensor:
    """h of an LSTM after a step from c (..., d), from what its input and state give to the gates (..., 4 d).

    `gates` is overwritten.
    """
    taken, kept, new, told = gates.sigmoid_().chunk(4, dim=-1)
    out = (kept * c).addcmul_(taken, new, value=2.0).sub_(taken)
    return out.mul_(2.0).sigmoid_().mul_(2.0).sub_(1.0).mul_(told)
