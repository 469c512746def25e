"""What one training hands on to the next: the weights that move and the optimizer's moments, as safetensors; the learning rate begins its course anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from toolwright.training.adapters import trained_weights
from toolwright.types import InputError

WEIGHTS, MOMENTS = "weights.safetensors", "moments.safetensors"
BETWEEN = "|"  # a parameter's name, then what of it


def hand_on(model: Any, optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Write the weights that move and what the optimizer knows of each."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = trained_weights(model)
    save_file({name: parameter.detach().contiguous() for name, parameter in weights.items()}, folder / WEIGHTS)
    known = {f"{name}{BETWEEN}{what}": value for name, parameter in weights.items() for what, value in optimizer.state.get(parameter, {}).items()}
    save_file({name: value.contiguous() for name, value in known.items()}, folder / MOMENTS)


def take_up_weights(model: Any, folder: Path) -> None:
    """Go on from the weights in `folder`. Raises `InputError` when they are of another shape of training."""
    if not (folder / WEIGHTS).is_file():
        raise InputError(f"{folder}: holds no {WEIGHTS}; expected what an earlier training handed on")
    found, weights = load_file(folder / WEIGHTS), trained_weights(model)
    odd = sorted(found.keys() ^ weights.keys()) or sorted(name for name in found if found[name].shape != weights[name].shape)
    if odd:
        raise InputError(f"{folder}: {odd[0]} does not fit; expected weights of the same model, adapter and rank")
    with torch.no_grad():
        for name, parameter in weights.items():
            parameter.copy_(found[name])


def take_up_moments(model: Any, optimizer: torch.optim.Optimizer, folder: Path) -> None:
    """Let the optimizer know what it knew; its rates stay those of the new training."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for key, value in load_file(folder / MOMENTS).items():
        name, _, what = key.partition(BETWEEN)
        found.setdefault(name, {})[what] = value
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    order = [names[id(parameter)] for group in optimizer.param_groups for parameter in group["params"]]
    state = {i: found[name] for i, name in enumerate(order) if name in found}
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
