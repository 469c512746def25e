"""Which weights training moves: LoRA, its kin, or all of them.

LoRA (Hu et al., 2021), DoRA (Liu et al., "Weight-Decomposed Low-Rank Adaptation", 2024), rsLoRA (Kalajdzievski, "A Rank Stabilization Scaling Factor", 2023),
PiSSA (Meng et al., 2024, by the fast decomposition of its section 4), LoRA+ (Hayou, Ghosh & Yu, "Efficient Low Rank Adaptation", 2024), and full fine-tuning.
Whatever was trained is saved in a form that loads on the base model as it is: a LoRA adapter, or a plain checkpoint.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from peft import LoraConfig, get_peft_model

from toolwright.models.hub import sha256_of_files

Adapter = Literal["lora", "dora", "rslora", "pissa", "lora_plus", "full"]

# What of PEFT's LoRA each of them changes; None: no adapter.
ADAPTERS: dict[str, dict[str, Any] | None] = {
    "lora": {},
    "dora": {"use_dora": True},
    "rslora": {"use_rslora": True},
    "pissa": {"init_lora_weights": "pissa_niter_16"},
    "lora_plus": {},
    "full": None,
}
LORA_PLUS_RATIO = 16.0  # B's rate over A's (Hayou et al., section 5)


def adapted(model: Any, adapter: Adapter, rank: int, alpha: int, dropout: float) -> Any:
    """The model with a fresh adapter on every linear layer, the only weights that move; with "full" the model itself, all of which does."""
    changes = ADAPTERS[adapter]
    if changes is None:
        return model
    return get_peft_model(model, LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules="all-linear", task_type="CAUSAL_LM", **changes))


def lora_plus_groups(model: Any, rate: float, ratio: float = LORA_PLUS_RATIO) -> list[dict[str, Any]]:
    """LoRA+'s two groups of parameters: the B matrices move `ratio` times as fast as the others; `rate` is the geometric mean of both rates.

    DoRA's magnitude vectors belong to the slow group: they start at the norms of the base weights, not at zero.
    """
    moved = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    fast = [parameter for name, parameter in moved if "lora_B" in name]
    slow = [parameter for name, parameter in moved if "lora_B" not in name]
    return [{"params": slow, "lr": rate / ratio**0.5}, {"params": fast, "lr": rate * ratio**0.5}]


def keep_start(model: Any, adapter: Adapter, folder: Path) -> None:
    """Write down PiSSA's first A and B, which `save_trained` takes off again; the others begin as nothing."""
    if adapter == "pissa":
        model.peft_config["default"].init_lora_weights = True  # as saved: the base model keeps its weights
        model.save_pretrained(str(folder), safe_serialization=True)
        model.peft_config["default"].init_lora_weights = "pissa_niter_16"


def save_trained(model: Any, adapter: Adapter, start: Path, folder: Path) -> None:
    """Write the adapter, or with "full" the whole model, as safetensors.

    PiSSA's is written as LoRA of twice the rank: what it came to less what it began as (`start`), since the base model it trained on was changed to make room.
    """
    if adapter == "pissa":
        model.save_pretrained(str(folder), safe_serialization=True, path_initial_model_for_weight_conversion=str(start))
    else:
        model.save_pretrained(str(folder), safe_serialization=True)


def weights_sha256(folder: Path) -> str:
    """Hash of the trained weights in a folder: an adapter's or a checkpoint's."""
    return sha256_of_files(folder.glob("*.safetensors"))


def trained_weights(model: Any) -> dict[str, torch.Tensor]:
    """The weights that move, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
