"""Settings of CAKT: which network (switches), how it is fitted. Recorded whole in every artifact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, final, get_args

#: paper: Su et al. 2023 as written. reference: as its published code does it, windows on the concept just answered.
Mode = Literal["product", "paper", "reference"]
#: Whose last answers a window holds: those on the concept asked next (paper), or on the one just answered.
WindowKey = Literal["next", "current"]
#: What reads a window: the paper's convolutions, its successor's capsules, a recurrent or a dense network, or nothing.
Encoder = Literal["conv", "capsule", "recurrent", "dense", "none"]
#: What frames of a window fade with.
Decay = Literal["none", "steps", "days"]
Fusion = Literal["gate", "sum"]
Precision = Literal["float32", "bfloat16"]
#: What an epoch is chosen by, on validation learners.
Choose = Literal["log_loss", "auc"]
#: When the learning rate drops: after so many epochs, or after one that was no better.
Schedule = Literal["epochs", "plateau"]

_PAPER: Final[dict[str, Any]] = {
    "window_key": "next", "encoder": "conv", "decay": "steps", "fusion": "gate", "second_lstm": True, "items": False,
    "time": False, "counts": False, "transitions": False, "partial_credit": True, "calibrate": False,
    "label_smoothing": 0.0, "ema": 0.0, "side": 15, "dropout": 0.0, "weight_decay": 5e-5, "choose": "auc",
    "schedule": "epochs", "batch_learners": 32,
}  # fmt: skip
_PRESETS: Final[dict[str, dict[str, Any]]] = {
    "paper": _PAPER,
    "reference": _PAPER | {"window_key": "current", "weight_decay": 1e-5},
    "product": _PAPER | {
        "encoder": "dense", "items": True, "time": True, "counts": True, "transitions": True, "calibrate": True,
        "ema": 0.999, "side": 14, "dropout": 0.5, "weight_decay": 1e-5, "choose": "log_loss", "schedule": "plateau",
        "batch_learners": 16,
    },
}  # fmt: skip
_POSITIVE: Final = (
    "frames", "side", "head", "epochs", "min_steps", "batch_learners", "chunk", "learning_rate", "rate_drop",
    "rate_every", "patience",
)  # fmt: skip
_CHOICES: Final = {
    "window_key": WindowKey, "encoder": Encoder, "decay": Decay, "fusion": Fusion, "choose": Choose,
    "schedule": Schedule, "precision": Precision,
}  # fmt: skip
_SHARES: Final = ("label_smoothing", "ema", "dropout")


@final
@dataclass(frozen=True)
class Config:
    """Switches of the network (those left None take the value of `mode`), and settings of the fit.

    `replace(config, mode=...)` changes the mode's name alone: switches are set by then. Make a new one.

    Attributes:
        mode: product, or as in the paper, or as in its code (docs/models/cakt.md compares them).
        window_key, encoder, decay, fusion: see their types.     second_lstm: between fusion and output.
            A frame fades as exp(-theta gap), its theta learnt: per answer of the learner since then (decay steps),
            or per day (days).
        items: difficulties of items, and whether the window holds the item that is asked.
        time: pauses before answers and time taken, and a head that forgets; off where the data has no times.
        counts: running counts of right and wrong answers, in the head.
        transitions: what the question before and its outcome say of the one asked, in the head.
        partial_credit: credit between 0 and 1 is learnt from as it is; else it is rounded at 0.5.
        label_smoothing: share of an outcome taken as a toss.     ema: weight of the past in averaged weights.
        calibrate: slope and intercept of the logit are set on validation learners.
        frames, side: k and H: a window is k frames of H x H; embeddings and states have H^2 numbers.
        head: hidden units of the network that joins state and counts.     dropout: of the state before the output.
        epochs, min_steps: at most so many epochs, or as many as make so many steps; the best one is kept.
        batch_learners, learning_rate, weight_decay: of Adam.
        choose: the epoch is kept that has the best log loss, or AUC, of validation learners.
        rate_drop: the learning rate is multiplied by this, by `schedule`: each `rate_every` epochs (later where
            `min_steps` makes for more epochs), or after an epoch that was no better.
        patience: epochs without a better one, after which the fit ends; twice as many where `min_steps` makes for more
            epochs.
        chunk: answers of a learner through which gradients flow; states are carried on.
        precision, compile: of the fit and of nothing else: bfloat16 where it is faster, encoders compiled.
        validation_share: of learners set aside for choosing, where the caller gives none.
    Raises:
        ValueError: if a value is none of its choices or out of its bounds, or `decay` days meets `window_key` current.
    """

    mode: Mode = "product"
    window_key: WindowKey | None = None
    encoder: Encoder | None = None
    decay: Decay | None = None
    fusion: Fusion | None = None
    second_lstm: bool | None = None
    items: bool | None = None
    time: bool | None = None
    counts: bool | None = None
    transitions: bool | None = None
    partial_credit: bool | None = None
    label_smoothing: float | None = None
    ema: float | None = None
    calibrate: bool | None = None
    side: int | None = None
    dropout: float | None = None
    weight_decay: float | None = None
    choose: Choose | None = None
    schedule: Schedule | None = None
    batch_learners: int | None = None
    frames: int = 4
    head: int = 64
    epochs: int = 20
    min_steps: int = 300
    chunk: int = 200
    learning_rate: float = 1e-3
    rate_drop: float = 0.3
    rate_every: int = 5
    patience: int = 3
    precision: Precision = "float32"
    compile: bool = False
    validation_share: float = 0.1

    def __post_init__(self) -> None:
        if self.mode not in _PRESETS:
            raise ValueError(f"mode is {self.mode!r}, must be one of {', '.join(_PRESETS)}")
        for name, value in _PRESETS[self.mode].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        for name, kind in _CHOICES.items():
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name} is {getattr(self, name)!r}, must be one of {', '.join(get_args(kind))}")
        for name in _POSITIVE:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}, must be above 0")
        for name in _SHARES:
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, must be at least 0 and below 1")
        if not 0 < self.validation_share < 1:
            raise ValueError(f"validation_share is {self.validation_share}, must lie between 0 and 1")
        if self.weight < 0:
            raise ValueError(f"weight_decay is {self.weight_decay}, must be 0 or more")
        if self.window_key == "current" and self.decay == "days":
            raise ValueError("decay days needs window_key next, this is current: switch one of them")

    @property
    def weight(self) -> float:
        return float(self.weight_decay or 0.0)

    @property
    def width(self) -> int:
        """Numbers of an embedding or a hidden state, H^2."""
        return int(self.side or 0) ** 2

    @property
    def keyed_on_next(self) -> bool:
        return self.window_key == "next"
