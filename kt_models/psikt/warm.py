"""Starting a fit from another model: its population and practice as they are, its concepts and items by their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from kt_models.psikt.model import Model

if TYPE_CHECKING:
    from kt_models.psikt.train import Training


def take_over(training: Training, model: Model) -> None:
    """Sets the parameters of a training to those of a model; what the model's config switches off stays at the
    start."""
    population, p = training.population, model.fitted.parameters
    data = training.data
    concept = np.minimum((model.concepts or data.concepts).encode(data.concepts.ids), model.n_concepts)
    raw = {
        "trait_mean": p.trait_mean, "trait_log_sd": np.log(p.trait_sd), "start_mean": p.start_mean,
        "start_log_variance": _log(p.start_variance), "rest_log_variance": _log(p.rest_variance),
        "intercept": p.intercept[concept],
    }  # fmt: skip
    if model.config.drift:
        raw |= {"drift_log": _log(p.drift), "form_log": _log(p.form)}
    if model.config.practice != "none":
        raw |= {
            "novelty_log": _log(p.novelty), "gain_log": _log(np.exp(np.log(p.gain).mean(axis=1))), "ceiling": p.ceiling,
            "jitter_log": _log(p.jitter), "lasting_raw": _unlimited(p.lasting), "quick_raw": _unlimited(p.quick),
            "quick_log_rate": _log(p.quick_rate),
        }  # fmt: skip
    if model.config.item_memory:
        kept = float(np.clip(p.item_kept, 1e-4, 1 - 1e-4))
        raw |= {
            "item_log_variance": _log(p.item_variance), "item_log_rates": _log(p.item_rates),
            "item_kept_logit": np.log(kept / (1 - kept)), "item_lasting": p.item_lasting, "item_quick": p.item_quick,
        }  # fmt: skip
    with torch.no_grad():
        for name, value in raw.items():
            parameter = getattr(population, name)
            parameter.copy_(torch.as_tensor(np.asarray(value), dtype=parameter.dtype))
    population.edges.take_over(model.fitted.edges, concept)
    _items(training, model)


def _items(training: Training, model: Model) -> None:
    """Difficulties as pseudo-sites: the first pass of the fit sees the items as the model did."""
    items, data = training.items, training.data
    if not training.config.item_difficulty or not model.config.item_difficulty:
        return
    items.prior_variance = model.fitted.unknown_doubt
    position = (model.items or data.items).encode(data.items.ids)
    known = position < model.n_items
    mean, variance = np.zeros(items.n_items), np.full(items.n_items, items.prior_variance)
    mean[known], variance[known] = model.fitted.difficulty[position[known]], model.fitted.doubt[position[known]]
    items.assume(mean, variance)


def _log(value: Any) -> NDArray[Any]:
    return np.asarray(np.log(np.maximum(value, 1e-8)))


def _unlimited(limited: Any) -> NDArray[Any]:
    share = np.clip(limited[:2] / limited[2], 1e-4, 1 - 1e-4)
    return np.append(np.log(share / (1 - share)), np.log(limited[2]))
