"""The folded, weighted, fused layers against the same written with torch's own 3-D modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kt_models.cakt import Config, batches, sequence
from kt_models.cakt.batches import Batch
from kt_models.cakt.convolution import MOMENTUM, BatchNorm, Block, CapsuleEncoder, ConvEncoder, Convolution, FrameScale
from kt_models.cakt.forward import Carried, forward
from kt_models.cakt.model import network
from kt_models.cakt.network import Network
from kt_models.cakt.stream import prior
from tests.kt_models.cakt import networks

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    torch.manual_seed(0)


def volume(x: Tensor, frames: int) -> Tensor:
    """(n, k c, H, W) as torch's 3-D modules take it: (n, c, k, H, W)."""
    return x.view(len(x), frames, -1, *x.shape[2:]).transpose(1, 2)


def folded(x: Tensor) -> Tensor:
    """The way back."""
    return x.transpose(1, 2).flatten(1, 2)


# ---- convolution


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("frames", [1, 2, 4, 6])
def test_a_folded_convolution_is_a_3d_convolution(frames: int, size: int) -> None:
    layer = Convolution(3, 5, frames, size)
    x = torch.randn(7, frames * 3, 4, 6)
    expected = nn.functional.conv3d(volume(x, frames), layer.weight, padding=size // 2)
    torch.testing.assert_close(volume(layer(x), frames), expected, rtol=1e-5, atol=1e-5)


def test_a_folded_convolution_has_the_gradients_of_a_3d_convolution() -> None:
    layer, x, goal = Convolution(2, 3, 4), torch.randn(5, 8, 4, 4, requires_grad=True), torch.randn(5, 3, 4, 4, 4)
    ways = volume(layer(x), 4), nn.functional.conv3d(volume(x, 4), layer.weight, padding=1)
    mine, theirs = (torch.autograd.grad((out * goal).sum(), [x, layer.weight]) for out in ways)
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)


# ---- batch normalisation


def torch_norm(norm: BatchNorm) -> nn.BatchNorm3d:
    peer = nn.BatchNorm3d(len(norm.gain), momentum=MOMENTUM)
    with torch.no_grad():
        peer.weight.copy_(norm.gain)
        peer.bias.copy_(norm.bias)
        peer.running_mean.copy_(norm.mean)  # type: ignore[union-attr]
        peer.running_var.copy_(norm.variance)  # type: ignore[union-attr]
    return peer.to(norm.gain.dtype)


def drawn_norm(channels: int, frames: int) -> BatchNorm:
    norm = BatchNorm(channels, frames)
    with torch.no_grad():
        norm.gain.uniform_(0.5, 2.0)
        norm.bias.normal_()
        norm.mean.normal_()
        norm.variance.uniform_(0.5, 2.0)
    return norm


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("rows", [3, 90])
def test_weighted_statistics_are_those_of_the_rows_repeated(rows: int, positive: bool) -> None:
    """90 rows are worked on in several parts."""
    norm = drawn_norm(4, 4)
    peer = torch_norm(norm)
    x = (2.0 * torch.randn(rows, 16, 15, 15) + torch.randn(16, 1, 1)).requires_grad_()
    times = torch.randint(1, 5, (rows,))
    of = torch.repeat_interleave(torch.arange(rows), times)[torch.randperm(int(times.sum()))]
    goal = torch.randn(len(of), 16, 15, 15)
    mine = norm(x, times.float(), positive=positive)[of]
    theirs = folded(peer(volume(x[of], 4)))
    theirs = torch.relu(theirs) if positive else theirs
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
    found = torch.autograd.grad((mine * goal).sum(), [x, norm.gain, norm.bias])
    expected = torch.autograd.grad((theirs * goal).sum(), [x, peer.weight, peer.bias])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().max()))


def test_running_statistics_move_by_a_tenth_towards_those_of_the_batch() -> None:
    """As torch's do, but for the variance, of which torch keeps the unbiased estimate: the batch is normalised with
    the one that is kept here."""
    norm = drawn_norm(2, 3)
    peer, before = torch_norm(norm), norm.variance.clone()
    x, times = 3.0 * torch.randn(4, 6, 2, 2) + 1.0, torch.tensor([1, 2, 1, 3])
    n = int(times.sum()) * 3 * 4
    norm(x, times.float(), positive=False)
    peer(volume(x[torch.repeat_interleave(torch.arange(4), times)], 3))
    assert peer.running_mean is not None
    assert peer.running_var is not None
    torch.testing.assert_close(norm.mean, peer.running_mean)
    unbiased = (peer.running_var - (1 - MOMENTUM) * before) / MOMENTUM
    torch.testing.assert_close(norm.variance, (1 - MOMENTUM) * before + MOMENTUM * unbiased * (n - 1) / n)


def test_half_precision_does_not_blur_the_statistics_of_many_windows() -> None:
    x = (0.3 + torch.randn(20_000, 4, 5, 5)).bfloat16()
    norm = BatchNorm(4, 1)
    out = norm(x, torch.ones(len(x)), positive=False).detach().float()
    torch.testing.assert_close(norm.mean, MOMENTUM * x.float().mean((0, 2, 3)), rtol=1e-3, atol=1e-4)
    assert abs(float(out.mean())) < 0.01
    assert float(out.std()) == pytest.approx(1.0, abs=0.01)


def test_in_service_the_running_statistics_are_used_and_kept() -> None:
    norm = drawn_norm(2, 3).eval()
    peer, x = torch_norm(norm).eval(), torch.randn(5, 6, 4, 4)
    kept = norm.mean.clone(), norm.variance.clone()
    torch.testing.assert_close(norm(x, torch.ones(5), positive=False), folded(peer(volume(x, 3))))
    assert torch.equal(norm.mean, kept[0])
    assert torch.equal(norm.variance, kept[1])
    assert torch.equal(
        norm(x[:1], torch.ones(1), positive=True), torch.relu(norm(x, torch.ones(5), positive=False)[:1])
    )


@pytest.mark.parametrize("positive", [False, True])
def test_the_gradient_of_normalisation_is_that_of_finite_differences(positive: bool) -> None:
    norm = drawn_norm(2, 2).double()
    times = torch.tensor([1.0, 3.0, 2.0], dtype=torch.float64)

    def normalised(x: Tensor, gain: Tensor, bias: Tensor) -> Any:
        given: Any = torch.func.functional_call(norm, {"gain": gain, "bias": bias}, (x, times), {"positive": positive})
        # A ReLU has no derivative at zero: squared, it has.
        return given.square()

    given = (torch.randn(3, 4, 2, 3), norm.gain.detach(), norm.bias.detach())
    assert torch.autograd.gradcheck(normalised, [x.double().requires_grad_() for x in given])


# ---- blocks and encoders


def test_frames_are_scaled_by_what_all_of_them_hold() -> None:
    layer, x = FrameScale(4), torch.randn(3, 4 * 2, 5, 5)
    frames = x.view(3, 4, 2, 5, 5)
    means = torch.stack([frames[:, a].mean((1, 2, 3)) for a in range(4)], dim=1)
    hidden = torch.relu(means @ layer.squeeze.weight.T + layer.squeeze.bias)
    gate = torch.sigmoid(hidden @ layer.excite.weight.T + layer.excite.bias)
    expected = torch.stack([frames[:, a] * gate[:, a, None, None, None] for a in range(4)], dim=1)
    assert hidden.shape == (3, 2)
    torch.testing.assert_close(layer(x).view_as(frames), expected)


class PlainBlock(nn.Module):
    """A block of the paper with torch's 3-D modules, on (n, c, k, H, W)."""

    def __init__(self, block: Block, inputs: int, outputs: int, frames: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv3d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv3d(outputs, outputs, 3, padding=1, bias=False)
        self.across = nn.Conv3d(inputs, outputs, 1, bias=False)
        self.bn1, self.bn2 = torch_norm(block.norm), torch_norm(block.renorm)
        self.down, self.up = nn.Linear(frames, max(frames // 2, 1)), nn.Linear(max(frames // 2, 1), frames)
        pairs = (
            (self.conv1, block.first), (self.conv2, block.second), (self.across, block.across),
            (self.down, block.scale.squeeze), (self.up, block.scale.excite),
        )  # fmt: skip
        for own, other in pairs:
            own.load_state_dict(other.state_dict())

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        gate = torch.sigmoid(self.up(torch.relu(self.down(out.mean((1, 3, 4))))))
        return torch.relu(out * gate[:, None, :, None, None] + self.across(x))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 4), (4, 8), (4, 1)])
def test_a_block_is_the_papers(inputs: int, outputs: int, training: bool) -> None:
    block = Block(inputs, outputs, 4)
    block.norm, block.renorm = drawn_norm(outputs, 4), drawn_norm(outputs, 4)
    peer = PlainBlock(block, inputs, outputs, 4).train(training)
    block.train(training)
    x = torch.randn(6, 4 * inputs, 5, 5, requires_grad=True)
    mine, theirs = volume(block(x, torch.ones(6)), 4), peer(volume(x, 4))
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)
    goal = torch.randn_like(theirs)
    weights = [*block.parameters()], [*peer.parameters()]
    found = torch.autograd.grad((mine * goal).sum(), [x, *weights[0]])
    expected = torch.autograd.grad((theirs * goal).sum(), [x, *weights[1]])
    for one, other in zip(_by_size(found), _by_size(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def _by_size(gradients: tuple[Tensor, ...]) -> list[Tensor]:
    """In an order that does not depend on the names of modules."""
    return sorted((x.flatten() for x in gradients), key=lambda x: (len(x), float(x.norm())))


def plain_blocks(encoder: ConvEncoder | CapsuleEncoder, frames: int) -> nn.Sequential:
    channels = [1, 4, 8, 4, 1][: len(encoder.blocks) + 1]
    pairs = zip(encoder.blocks, channels, channels[1:], strict=False)
    return nn.Sequential(*(PlainBlock(block, i, o, frames) for block, i, o in pairs))  # type: ignore[arg-type]


def test_the_convolutional_encoder_is_the_papers() -> None:
    encoder = ConvEncoder(4, 5)
    peer, x = plain_blocks(encoder, 4), torch.randn(6, 4, 25)
    expected = peer(x.view(6, 1, 4, 5, 5)).mean((1, 2)).flatten(1)
    torch.testing.assert_close(encoder(x, torch.ones(6)), expected, rtol=1e-4, atol=1e-5)


def test_capsules_are_routed_and_squashed_beside_the_fourth_block() -> None:
    encoder = CapsuleEncoder(3, 4)
    with torch.no_grad():
        encoder.routing.normal_()
    third, last = plain_blocks(encoder, 3), PlainBlock(encoder.last, 4, 1, 3)
    x = torch.randn(6, 3, 16)
    found = encoder(x, torch.ones(6))
    y = third(x.view(6, 1, 3, 4, 4))
    total = torch.zeros(6, 4, 4)
    for frame in range(3):
        for kind in range(4):
            scalar = nn.functional.conv2d(
                y[:, :, frame],
                encoder.capsules.weight[kind : kind + 1],
                encoder.capsules.bias[kind : kind + 1],
                padding=1,  # type: ignore[index]
            )
            total = total + encoder.routing[frame, kind] * scalar[:, 0]
    squashed = total.sign() * total**2 / (1 + total**2)
    torch.testing.assert_close(found, (squashed + last(y).mean((1, 2))).flatten(1), rtol=1e-4, atol=1e-5)


# ---- equal windows


def answers_alike() -> tuple[Config, Any]:
    """Learners who answer alike, so that most windows occur several times."""
    rng = np.random.default_rng(0)
    config = Config(mode="paper", side=3, frames=3)
    seen = networks.together([networks.history(int(rng.integers(3)), 12, partial=0.0) for _ in range(8)])
    levels = networks.model("paper").reference
    return config, sequence.prepare(config, prior(config, 8), seen, levels)


def gradients(net: Network, batch: Batch) -> tuple[Tensor, list[Tensor]]:
    logit, _ = forward(net, batch, Carried.blank(net, 8, CPU))
    loss = nn.functional.binary_cross_entropy_with_logits(logit[batch.mask], batch.target[batch.mask])
    return loss.detach(), list(torch.autograd.grad(loss, list(net.parameters())))


@pytest.mark.parametrize("encoder", ["conv", "capsule", "dense", "recurrent"])
def test_encoding_equal_windows_once_changes_nothing(encoder: str) -> None:
    config, made = answers_alike()
    config = Config(mode="paper", side=3, frames=3, encoder=encoder)  # type: ignore[arg-type]
    merged, apart = (batches.batch(config, made, np.arange(8), 0, 12, CPU, merge=merge) for merge in (True, False))
    assert len(merged.window.concept) < 0.6 * len(merged.of)
    assert merged.window.weight.sum() == len(apart.window.concept)
    nets = [networks.drawn(network(config, networks.N_CONCEPTS)).train() for _ in range(2)]
    losses, found = zip(*(gradients(net, b) for net, b in zip(nets, (merged, apart), strict=True)), strict=True)
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-5, atol=1e-5)
    for (name, _), one, other in zip(nets[0].named_parameters(), *found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4, msg=name)
    for (name, one), (_, other) in zip(nets[0].named_buffers(), nets[1].named_buffers(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=name)
