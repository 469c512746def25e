"""A trained model as a plain checkpoint, which transformers and servers load without knowing of adapters."""

from __future__ import annotations

import shutil
from pathlib import Path

from toolwright.models.hub import resolve_model
from toolwright.models.local import load_model


def export_merged(model: str, trained: Path, out: Path) -> Path:
    """Write the base model with what training left in `trained` merged in, its tokenizer beside it, in the base model's own precision.

    The folder is whole or absent: it is written under another name first. One that is there already is replaced.
    """
    import torch
    from transformers import AutoConfig

    lm = load_model(model, trained)
    lm.model.to(AutoConfig.from_pretrained(resolve_model(model), trust_remote_code=False).dtype or torch.float32)
    making = out.with_name(f".{out.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    lm.model.save_pretrained(str(making), safe_serialization=True)
    lm.tokenizer.save_pretrained(str(making))
    if (trained / "README.md").is_file():
        shutil.copy(trained / "README.md", making / "README.md")
    shutil.rmtree(out, ignore_errors=True)
    making.replace(out)
    return out
