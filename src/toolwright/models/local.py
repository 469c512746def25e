"""Causal language models through transformers: loading, ranking, greedy answers in batches.

Weights load from safetensors only; remote code is off.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import log_softmax

from toolwright.models.hub import resolve_model
from toolwright.types import InputError


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """A model with its tokenizer, in evaluation mode."""

    name: str
    model: Any
    tokenizer: Any

    @property
    def device(self) -> torch.device:
        return self.model.device


def best_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bf16() -> bool:
    """Whether matrix products in bfloat16 run on the hardware itself."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a model; its pad token must not be the end-of-turn token, or training would never teach it to stop."""
    from transformers import AutoTokenizer

    tokenizer = _loaded(AutoTokenizer.from_pretrained, name)
    if tokenizer.chat_template is None:
        raise InputError(f"--model: the tokenizer of {name!r} has no chat template; a chat or instruct model is needed")
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id == tokenizer.eos_token_id:
        raise InputError(f"--model: pad token {tokenizer.pad_token!r} of {name!r} is none of its own; give the tokenizer one")
    return tokenizer


def load_weights(name: str, dtype: torch.dtype | None = None) -> Any:
    """The model's weights on the best device: in `dtype`, or in bfloat16 on a GPU that has it and float32 else."""
    from transformers import AutoModelForCausalLM

    device = best_device()
    chosen = dtype or (torch.bfloat16 if device.type == "cuda" and has_bf16() else torch.float32)
    return _loaded(AutoModelForCausalLM.from_pretrained, name, dtype=chosen, use_safetensors=True).to(device)


def load_model(name: str, adapter: Path | None = None) -> LanguageModel:
    """A model ready to answer, with what training left in a folder: a LoRA adapter, merged in, or a checkpoint of all weights, in its place."""
    tokenizer = load_tokenizer(name)
    if adapter is None:
        return LanguageModel(name, load_weights(name).eval(), tokenizer)
    if (adapter / "model.safetensors").is_file() or (adapter / "model.safetensors.index.json").is_file():
        return LanguageModel(name, load_weights(str(adapter)).eval(), tokenizer)
    if not (adapter / "adapter_model.safetensors").is_file():
        raise InputError(f"{adapter}: holds neither adapter_model.safetensors nor model.safetensors; expected what training saved")
    from peft import PeftModel

    return LanguageModel(name, PeftModel.from_pretrained(load_weights(name), str(adapter)).merge_and_unload().eval(), tokenizer)


def load_for_evaluation(name: str, adapter: Path | None = None) -> LanguageModel:
    """As `load_model`, in bfloat16 on a CPU too where its hardware has it: half as fast again, and what is ranked or written hardly changes."""
    lm = load_model(name, adapter)
    if has_bf16():
        lm.model.to(torch.bfloat16)
    return lm


def _loaded(load: Any, name: str, **settings: Any) -> Any:
    try:
        return load(resolve_model(name), trust_remote_code=False, **settings)
    except (OSError, ValueError) as error:  # what transformers raises for files that are missing, and for files it can make nothing of
        raise InputError(f"--model: {name!r} cannot be loaded: {' '.join(str(error).split())[:200]}") from error


@torch.inference_mode()
def continuation_log_likelihoods(lm: LanguageModel, prompt: Sequence[int], continuations: Sequence[Sequence[int]]) -> list[float]:
    """Sum of the log-probabilities of each continuation's tokens after the prompt; the prompt, and how all continuations begin, is computed once.

    Args:
        lm: the model.
        prompt: token ids, at least one.
        continuations: token ids of each, at least one.
    """
    shared = sum(1 for _ in takewhile(lambda tokens: len({*tokens}) == 1, zip(*(ids[:-1] for ids in continuations), strict=False)))
    ids = torch.tensor([[*prompt, *continuations[0][:shared]]], device=lm.device)
    start = lm.model(input_ids=ids, use_cache=True, logits_to_keep=shared + 1)
    first = log_softmax(start.logits[0].float(), dim=-1)
    before = sum(float(first[i, token]) for i, token in enumerate(continuations[0][:shared]))
    rests = [list(ids[shared:]) for ids in continuations]
    scores = [before + float(first[-1, rest[0]]) for rest in rests]
    longest = max(len(rest) for rest in rests)
    if longest == 1:
        return scores
    cache = start.past_key_values
    cache.reorder_cache(torch.zeros(len(rests), dtype=torch.long, device=lm.device))  # one row of the cache a continuation
    padded = torch.tensor([[*rest, *([rest[-1]] * (longest - len(rest)))] for rest in rests], device=lm.device)
    later = log_softmax(lm.model(input_ids=padded[:, :-1], past_key_values=cache, use_cache=True).logits.float(), dim=-1)
    for i, rest in enumerate(rests):
        scores[i] += sum(float(later[i, j, token]) for j, token in enumerate(rest[1:]))
    return scores


def greedy_answers(lm: LanguageModel, prompts: Sequence[Sequence[int]], max_new_tokens: int, batch_size: int = 16) -> list[str]:
    """What the model writes after each prompt, up to its end of turn: the likeliest token each time, whatever penalties the model's own settings ask for.

    Special tokens of the tool-call form are kept in the text.
    """
    return _answers(lm, prompts, max_new_tokens, batch_size, lambda logits: logits.argmax(dim=-1))


def sampled_answers(lm: LanguageModel, prompts: Sequence[Sequence[int]], max_new_tokens: int, temperature: float, seed: str, batch_size: int = 16) -> list[str]:
    """As `greedy_answers`, drawn from what the model thinks likely; the same seed and prompts give the same texts."""
    source = torch.Generator(lm.device).manual_seed(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") >> 1)

    def draw(logits: torch.Tensor) -> torch.Tensor:
        return torch.multinomial(torch.softmax(logits.float() / temperature, dim=-1), 1, generator=source)[:, 0]

    return _answers(lm, prompts, max_new_tokens, batch_size, draw)


@torch.inference_mode()
def _answers(
    lm: LanguageModel, prompts: Sequence[Sequence[int]], max_new_tokens: int, batch_size: int, choose: Callable[[torch.Tensor], torch.Tensor]
) -> list[str]:
    """Prompts of like length together; who has ended leaves the batch, so that the last does not keep all waiting."""
    written: list[list[int]] = [[] for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    stops = {lm.tokenizer.eos_token_id, *_as_list(lm.model.generation_config.eos_token_id)}
    for begin in range(0, len(order), batch_size):
        members = order[begin : begin + batch_size]
        longest = max(len(prompts[i]) for i in members)
        pad = lm.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (longest - len(prompts[i])) + list(prompts[i]) for i in members], device=lm.device)
        mask = torch.tensor([[0] * (longest - len(prompts[i])) + [1] * len(prompts[i]) for i in members], device=lm.device)
        positions = (mask.cumsum(dim=-1) - 1).clamp(min=0)
        cache = None
        for _ in range(max_new_tokens):
            output = lm.model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache, chosen = output.past_key_values, choose(output.logits[:, -1])
            alive = [row for row, token in enumerate(chosen.tolist()) if token not in stops]
            for row in alive:
                written[members[row]].append(int(chosen[row]))
            if not alive:
                break
            if len(alive) < len(members):
                kept = torch.tensor(alive, device=lm.device)
                cache.reorder_cache(kept)
                members, mask, positions, chosen = [members[row] for row in alive], mask[kept], positions[kept], chosen[kept]
            ids, mask, positions = chosen[:, None], torch.cat([mask, mask.new_ones(len(members), 1)], dim=1), positions[:, -1:] + 1
    return [lm.tokenizer.decode(tokens, skip_special_tokens=False) for tokens in written]


def _as_list(value: int | list[int] | None) -> list[int]:
    return [] if value is None else value if isinstance(value, list) else [value]
