"""The paper's 3-D convolutions, as 2-D ones: k frames of c channels are k c channels, and depth is in the weights.

A 3 x 3 x 3 kernel over k frames, padded by one, is a banded 2-D kernel from (frame b, channel i) to (frame a, channel
o): the tap of depth b - a + 1, zero outside 0 to 2. The values are the same; the work suits a CPU's kernels better.

Many windows of a batch are equal, because they hold concepts and outcomes only: each is convolved once, and batch
statistics count it as often as it occurs.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, final

import torch
from torch import Tensor, nn

#: Of batch normalisation: added to variances, and weight of a new batch in the running statistics.
EPSILON: Final = 1e-5
MOMENTUM: Final = 0.1
#: Numbers that are worked on at once on a CPU.
PART_NUMBERS: Final = 131_072


class _Normalised(torch.autograd.Function):
    """gain (x - mean) / sqrt(var + eps) + bias, and its positive part if asked; see `BatchNorm`.

    Fused and in parts that stay in a cache: on a CPU, the same in single operations takes longer than the convolutions.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, gain: Tensor, bias: Tensor, frames: int, positive: bool) -> Any:
        # Sums over many rows stall in half precision.
        total = weight.sum() * frames * x.shape[2] * x.shape[3]
        plain, squares = weight.new_zeros(x.shape[1]), weight.new_zeros(x.shape[1])
        for part in _parts(x):
            plain += weight[part] @ x[part].sum((2, 3), dtype=weight.dtype)
        mean = _by_channel(plain, frames) / total
        for part in _parts(x):
            squares += weight[part] @ (x[part] - _wide(mean, frames)).square_().sum((2, 3))
        variance = _by_channel(squares, frames) / total
        scale = torch.rsqrt(variance + EPSILON)
        out = torch.empty_like(x)
        factor, offset = _wide(gain * scale, frames, x), _wide(bias - mean * gain * scale, frames, x)
        for part in _parts(x):
            torch.addcmul(offset, x[part], factor, out=out[part])
            if positive:
                out[part].relu_()
        ctx.save_for_backward(x, out, weight, mean, scale, gain, total)
        ctx.frames, ctx.positive = frames, positive
        ctx.mark_non_differentiable(mean, variance)
        return out, mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, out, weight, mean, scale, gain, total = ctx.saved_tensors
        frames, found = ctx.frames, torch.empty_like(x)
        plain, along = weight.new_zeros(x.shape[1]), weight.new_zeros(x.shape[1])
        for part in _parts(x):
            # Every row's gradient is already that of all its repetitions together.
            here = found[part].copy_(gradients[0][part])
            if ctx.positive:
                here.mul_(out[part] > 0)
            plain += here.sum((0, 2, 3), dtype=weight.dtype)
            along += (here * (x[part] - _wide(mean, frames))).sum((0, 2, 3))
        of_bias, of_gain = _by_channel(plain, frames), _by_channel(along, frames) * scale
        factor, slope = gain * scale, -gain * scale.square() * of_gain / total
        offset, slopes = _wide(-factor * of_bias / total - mean * slope, frames, x), _wide(slope, frames, x)
        factors, times = _wide(factor, frames, x), weight.to(x.dtype).view(-1, 1, 1, 1)
        for part in _parts(x):
            shared = torch.addcmul(offset, x[part], slopes).mul_(times[part])
            found[part].mul_(factors).add_(shared)
        return found, None, of_gain, of_bias, None, None


def _parts(x: Tensor) -> Iterator[slice]:
    """Rows in parts of about half a megabyte on a CPU, whole elsewhere."""
    size = len(x) if x.is_cuda else max(1, PART_NUMBERS // max(x[0].numel(), 1)) if len(x) else 1
    return (slice(start, start + size) for start in range(0, len(x), max(size, 1)))


def _by_channel(value: Tensor, frames: int) -> Tensor:
    """(channels,) sums over frames of (frames channels,)."""
    return value.view(frames, -1).sum(0)


def _wide(value: Tensor, frames: int, like: Tensor | None = None) -> Tensor:
    """(channels,) as (1, frames channels, 1, 1), in the precision of `like`."""
    out = value.repeat(frames).view(1, -1, 1, 1)
    return out if like is None else out.to(like.dtype)


@final
class BatchNorm(nn.Module):
    """Batch normalisation of (n, k c, H, W), one mean and variance a channel c, rows weighted.

        mean_c = sum_n w_n sum_(frames, pixels) x / (k H W sum w),   y = gain (x - mean) / sqrt(var + eps) + bias

    With weights that count repetitions this is the batch normalisation of the rows repeated. Ioffe & Szegedy 2015.
    """

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.gain, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.mean: Tensor
        self.variance: Tensor
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor, weight: Tensor, *, positive: bool) -> Tensor:
        """`positive`: followed by a ReLU."""
        if self.training:
            made = _Normalised.apply(
                x, weight.to(torch.promote_types(x.dtype, torch.float32)), self.gain, self.bias, self.frames, positive
            )  # type: ignore[no-untyped-call]
            out: Tensor = made[0]
            with torch.no_grad():
                self.mean.lerp_(made[1].detach().to(self.mean), MOMENTUM)
                self.variance.lerp_(made[2].detach().to(self.variance), MOMENTUM)
            return out
        scale = self.gain * torch.rsqrt(self.variance + EPSILON)
        offset, factor = _wide(self.bias - self.mean * scale, self.frames), _wide(scale, self.frames)
        out = torch.addcmul(offset.to(x.dtype), x, factor.to(x.dtype))
        return torch.relu(out) if positive else out


@final
class Convolution(nn.Module):
    """A 3-D convolution of k frames with kernel `size` (3 or 1) and padding size // 2, on (n, k c, H, W)."""

    taps: Tensor

    def __init__(self, inputs: int, outputs: int, frames: int, size: int = 3) -> None:
        super().__init__()
        self.size, self.frames = size, frames
        self.weight = nn.Parameter(torch.empty(outputs, inputs, size, size, size))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        depth = torch.arange(frames)[None, :] - torch.arange(frames)[:, None] + size // 2
        # The tap after the last is zero.
        self.register_buffer("taps", torch.where((depth >= 0) & (depth < size), depth, size), persistent=False)

    def flat_weight(self) -> Tensor:
        """(k outputs, k inputs, size, size)."""
        outputs, inputs = self.weight.shape[:2]
        padded = torch.cat([self.weight, torch.zeros_like(self.weight[:, :, :1])], dim=2)
        banded = padded[:, :, self.taps].permute(2, 0, 3, 1, 4, 5)
        return banded.reshape(self.frames * outputs, self.frames * inputs, self.size, self.size)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.conv2d(x, self.flat_weight(), padding=self.size // 2)


@final
class FrameScale(nn.Module):
    """Temporal squeeze and excitation: each frame is scaled by a gate that sees the mean of every frame.

    s = sigmoid(W2 relu(W1 mean over channels and pixels)),  W1: k -> k / 2,  W2: k / 2 -> k.
    """

    def __init__(self, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.squeeze, self.excite = nn.Linear(frames, max(frames // 2, 1)), nn.Linear(max(frames // 2, 1), frames)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3)).view(len(x), self.frames, -1).mean(2)
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(means))))
        return x * gate.repeat_interleave(x.shape[1] // self.frames, dim=1)[:, :, None, None]


@final
class Block(nn.Module):
    """Convolution, normalisation, ReLU, convolution, normalisation, frame scale, plus the input; ReLU."""

    def __init__(self, inputs: int, outputs: int, frames: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(inputs, outputs, frames), Convolution(outputs, outputs, frames)
        self.norm, self.renorm = BatchNorm(outputs, frames), BatchNorm(outputs, frames)
        self.scale, self.across = FrameScale(frames), Convolution(inputs, outputs, frames, size=1)

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        out = self.norm(self.first(x), weight, positive=True)
        out = self.scale(self.renorm(self.second(out), weight, positive=False))
        return torch.relu(out + self.across(x))


class Volume(nn.Module):
    """What the two convolutional encoders share: (n, k, d) frames as (n, k, H, W)."""

    def __init__(self, frames: int, side: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.frames, self.side = frames, side
        self.blocks = nn.ModuleList(Block(i, o, frames) for i, o in pairwise(channels))

    def convolved(self, frames: Tensor, weight: Tensor) -> Tensor:
        x = frames.reshape(len(frames), self.frames, self.side, self.side).contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            x = block(x, weight)
        return x


@final
class ConvEncoder(Volume):
    """The paper's: blocks of 1-4, 4-8, 8-4 and 4-1 channels, then the mean over frames. (n, k, d) -> (n, d)."""

    def __init__(self, frames: int, side: int) -> None:
        super().__init__(frames, side, (1, 4, 8, 4, 1))

    def forward(self, frames: Tensor, weight: Tensor) -> Tensor:
        return self.convolved(frames, weight).mean(1).reshape(len(frames), -1)


@final
class CapsuleEncoder(Volume):
    """CECAKT's read-out: the fourth block and the mean give way to capsules, and stay beside them as a residual.

    Of the third block's 4 channels, each of 4 types has its own 3 x 3 convolution to one scalar capsule a frame and
    position, u; a position's capsule is s = sum over types and frames of r u, with routing weights r of the type, the
    frame and the position, squashed: v = s |s| / (1 + s^2).
    """

    TYPES: Final = 4

    def __init__(self, frames: int, side: int) -> None:
        super().__init__(frames, side, (1, 4, 8, 4))
        self.last = Block(4, 1, frames)
        self.capsules = nn.Conv2d(4, self.TYPES, 3, padding=1)
        self.routing = nn.Parameter(torch.full((frames, self.TYPES, side, side), 1.0 / (frames * self.TYPES)))

    def forward(self, frames: Tensor, weight: Tensor) -> Tensor:
        x = self.convolved(frames, weight)
        n, k, side = len(x), self.frames, self.side
        scalars = self.capsules(x.reshape(n * k, -1, side, side)).view(n, k, self.TYPES, side, side)
        total = (scalars * self.routing).sum((1, 2))
        squashed = total * total.abs() / (1.0 + total.square())
        residual = self.last(x, weight).mean(1)
        out: Tensor = (squashed + residual).reshape(n, -1)
        return out
