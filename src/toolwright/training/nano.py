"""`toolwright train nano`: pre-train the small base model that ships with the package.

Everything is made from the seed: the tokenizer, the starting weights, and the exercises, each by its step number, so that a run that was cut off goes on
from its checkpoint as if it had not been. What makes it quick on a CPU: logits are computed only where the assistant writes; rows of like
length go through the model a few at a time, so that they stay in the cache; convolutions are sums of shifted rows; the body is compiled.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from toolwright.encoders import load_encoder, minilm_words
from toolwright.models.local import load_tokenizer, load_weights
from toolwright.training.api_corpus import api_operations
from toolwright.training.convolutions import shift_convolutions
from toolwright.training.nano_dialogues import Dialogues
from toolwright.training.nano_exercises import Exercise, Lexicon, Services, copying_tokens, likeness_exercise
from toolwright.training.nano_guidance import States, guided_loss, hidden_states
from toolwright.training.nano_init import grown, nano_config, new_nano
from toolwright.training.nano_operations import Operations
from toolwright.training.nano_rows import Row, encode
from toolwright.training.nano_tokenizer import SPECIAL, train_tokenizer
from toolwright.types import InputError, write_text
from toolwright.world.engine import World
from toolwright.world.load import load_domains

REAL, OPERATIONS = 0.75, 0.6  # share of exercises, in the end, on tools that people wrote; and of these on real services' operations
ROWS_PER_FORWARD = 4


@dataclass(frozen=True, slots=True)
class NanoSettings:
    """The recipe of nano. Shapes first, then training; `recipes/nano.yaml` says the same."""

    hidden: int = 256
    feed_forward: int = 512
    heads: int = 4
    pieces: int = 2600  # tokens that BPE makes
    spaced_words: int = 8000  # words that are one token after a space
    bare_words: int = 5000  # ... in identifiers
    capital_words: int = 1500  # ... with a capital
    start: str = ""  # the folder of a nano to go on from, with two layers more; empty: from the seed
    dialogues: float = 0.0  # share of rows that are dialogues of the foundation domains
    talk_weight: float = 1.0  # of what such dialogues say in plain words
    steps: int = 2400
    rows: int = 12  # conversations of one step
    length: int = 1024  # tokens a conversation, at most
    learning_rate: float = 1e-3
    embedding_rate: float = 0.1  # times the learning rate: embeddings keep their meaning
    attention_rate: float = 0.2  # ... and attentions what was laid down in them
    warmup_steps: int = 50
    name_weight: float = 4.0  # of a called tool's name in the loss: one choice among many copied tokens
    guidance: float = 0.5  # weight of guided attention
    decay: float = 0.35  # last part of the steps, in which the learning rate falls to 0
    ramp: float = 0.1  # part of the steps over which exercises grow hard
    seed: int = 0
    checkpoint_steps: int = 50
    compile: bool = True  # needs a C++ compiler; a third faster


@dataclass(frozen=True, slots=True)
class School:
    """What exercises are made with."""

    tokenizer: Any
    lexicon: Lexicon
    operations: Operations
    services: Services
    dialogues: Dialogues
    settings: NanoSettings


def train_nano(settings: NanoSettings, out: Path, progress: Callable[[int, int, str], None]) -> Path:
    """Pre-train in `out`; returns the folder of the finished model. Goes on from the last checkpoint when there is one."""
    out.mkdir(parents=True, exist_ok=True)
    stored = out / "settings.json"
    if stored.is_file() and json.loads(stored.read_text()) != asdict(settings):
        raise InputError(f"{out}: holds a run with other settings ({stored}); choose another --out or remove the folder")
    write_text(stored, json.dumps(asdict(settings), indent=1))
    school = build_school(settings)
    model, optimizer, step, tokens = _start(school, out)
    states = partial(hidden_states, model)
    states = torch.compile(states, dynamic=True) if settings.compile else states
    began, before = time.perf_counter(), tokens
    while step < settings.steps:
        _set_rate(optimizer, settings, step)
        rows = [make_row(school, step, row) for row in range(settings.rows)]
        loss, away = _backward(model, states, rows, settings.guidance)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        tokens += sum(len(row.ids) for row in rows)
        if step % 25 == 0 or step == settings.steps:
            rate = (tokens - before) / (time.perf_counter() - began)
            _log(out, {"step": step, "tokens": tokens, "loss": round(loss, 4), "guided": round(away, 4), "tokens_per_second": round(rate)})
            progress(step, settings.steps, f"loss {loss:.2f}")
        if step % settings.checkpoint_steps == 0 or step == settings.steps:
            _save_checkpoint(model, optimizer, step, tokens, out)
        if step % (5 * settings.checkpoint_steps) == 0 or step == settings.steps:
            _log(out, {"step": step, **measure(model, school)})
    return _save_model(model, school, out)


def build_school(settings: NanoSettings) -> School:
    """Tokenizer, words with their neighbours, operations of real services, and the foundation domains."""
    domains = [domain for domain in load_domains() if domain.part == "foundation"]
    world = World(domains)
    words = minilm_words()
    texts = [tool.description for tool in world.tools.values()]
    texts += [" ".join(saying.turns) for domain in domains for tool in domain.tools for saying in tool.requests.train]
    texts += [json.dumps({"name": name, "arguments": tool.parameters.get("properties", {})}) for name, tool in world.tools.items()]
    texts += [" ".join(words[i : i + 40]) for i in range(0, 8000, 40)]
    if settings.start:
        tokenizer = load_tokenizer(settings.start)
    else:
        tokenizer = train_tokenizer(texts, words, settings.pieces, settings.spaced_words, settings.bare_words, settings.capital_words)
    common = words[: settings.spaced_words]
    lexicon = Lexicon.build(common, load_encoder("minilm").encode(common), words[: settings.bare_words])
    dialogues = Dialogues(world, lexicon, settings.seed)
    return School(tokenizer, lexicon, Operations(api_operations(), lexicon), Services(world, lexicon), dialogues, settings)


def make_row(school: School, step: int, row: int) -> Row:
    """The exercise of this step and row, cut to the row length."""
    s = school.settings
    source = random.Random(f"{s.seed}/{step}/{row}")
    if s.dialogues and source.random() < s.dialogues:
        return encode(school.tokenizer, school.dialogues.exercise(source), s.length, s.name_weight, s.talk_weight)
    done = 1.0 if s.start else step / s.steps
    difficulty = min(1.0, 0.3 + 0.7 * done / s.ramp)
    drawn = source.random()
    if drawn < (0.25 if done < 0.01 else 0.02):
        ids, trained = copying_tokens(len(school.tokenizer), len(SPECIAL), s.length, source)
        return Row(ids, [float(flag) for flag in trained], [], [])
    real = REAL * min(1.0, max(0.0, done - 0.05) / 0.3)
    if drawn < 1 - real:
        exercise = likeness_exercise(school.lexicon, difficulty, 10, source)
    elif source.random() < OPERATIONS:
        exercise = school.operations.exercise(difficulty, 10, source)
    else:
        exercise = school.services.exercise(difficulty, 10, source)
    return encode(school.tokenizer, exercise, s.length, s.name_weight)


def _backward(model: Any, states: Callable[[torch.Tensor], States], rows: list[Row], guidance: float) -> tuple[float, float]:
    """The two losses of some rows, and their gradients: weighted mean cross-entropy over the trained tokens, and guided attention (see `guided_loss`).

    Args:
        model: with the parameters that get gradients.
        states: its `hidden_states`, compiled perhaps.
        rows: what to train on.
        guidance: weight of the second part.
    """
    total, links = sum(sum(row.weights[1:]) for row in rows), sum(len(row.links) for row in rows)
    ordered = sorted(rows, key=lambda row: len(row.ids))
    mean = away = 0.0
    for begin in range(0, len(ordered), ROWS_PER_FORWARD):
        members = ordered[begin : begin + ROWS_PER_FORWARD]
        longest = len(members[-1].ids)
        ids = torch.tensor([row.ids + [0] * (longest - len(row.ids)) for row in members])
        weights = torch.tensor([row.weights + [0.0] * (longest - len(row.ids)) for row in members])[:, 1:]
        trained = weights > 0
        found = states(ids)
        losses = torch.nn.functional.cross_entropy(model.lm_head(found.last[:, :-1][trained]), ids[:, 1:][trained], reduction="none")
        loss = (losses * weights[trained]).sum() / total
        mean += loss.item()
        if links and guidance:
            guided = guided_loss(model, found, members) / links
            away += guided.item()
            loss = loss + guidance * guided
        loss.backward()
    return mean, away


@torch.no_grad()
def measure(model: Any, school: School, rows: int = 16) -> dict[str, float]:
    """Share of the calls, on exercises of each kind at full difficulty, whose name and whose whole text would be written rightly.

    The exercises are new; the sentences of `service` are those of the foundation domains, all of which are trained on, so it tells how far training is, and
    only dev of the tested domains tells what is understood. So do descriptions of `operations`, of which there are many more.
    """
    kinds: dict[str, Callable[[random.Random], Exercise]] = {
        "likeness": lambda source: likeness_exercise(school.lexicon, 1.0, 4, source),
        "operations": lambda source: school.operations.exercise(1.0, 4, source),
        "service": lambda source: school.services.exercise(1.0, 4, source),
    }
    start = school.tokenizer.convert_tokens_to_ids("<tool_call>")
    figures: dict[str, float] = {}
    model.eval()
    for kind, make in kinds.items():
        names = whole = calls = 0
        for row in range(rows):
            ids = encode(school.tokenizer, make(random.Random(f"measure/{kind}/{row}")), school.settings.length, 1.0).ids
            guess = model(input_ids=torch.tensor([ids])).logits[0].argmax(-1).tolist()
            for at in (i for i, token in enumerate(ids) if token == start):
                end = next((j for j in range(at, len(ids)) if ids[j] == school.tokenizer.eos_token_id), None)
                if end is None:
                    continue
                text = [school.tokenizer.decode(ids[at : j + 1]) for j in range(at, end)]
                name_end = next(at + j for j, so_far in enumerate(text) if '", "arguments"' in so_far)
                right = [guess[j - 1] == ids[j] for j in range(at + 1, end)]
                calls += 1
                names += all(right[: name_end - at])
                whole += all(right)
        figures |= {f"{kind}_name": names / calls, f"{kind}_call": whole / calls}
    model.train()
    return figures


def _start(school: School, out: Path) -> tuple[Any, torch.optim.Optimizer, int, int]:
    s = school.settings
    torch.manual_seed(s.seed)
    model = grown(load_weights(s.start, torch.float32)) if s.start else _new_model(school)
    shift_convolutions(model)
    embeddings = model.model.embed_tokens.weight
    attentions = [p for layer in model.model.layers if layer.is_attention_layer for p in layer.self_attn.parameters()]
    slow = {id(p) for p in (embeddings, *attentions)}
    others = [p for p in model.parameters() if id(p) not in slow]
    groups = [{"params": params, "lr": 0.0, "rate": rate} for params, rate in ((others, 1.0), ([embeddings], s.embedding_rate), (attentions, s.attention_rate))]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.95), weight_decay=0.01, fused=True)
    checkpoint = out / "checkpoint.pt"
    if not checkpoint.is_file():
        return model, optimizer, 0, 0
    state = torch.load(checkpoint, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return model, optimizer, int(state["step"]), int(state["tokens"])


def _new_model(school: School) -> Any:
    s = school.settings
    size = len(school.tokenizer)
    config = nano_config(size, s.hidden, s.feed_forward, s.heads, school.tokenizer.pad_token_id, school.tokenizer.eos_token_id)
    newline = school.tokenizer.convert_tokens_to_ids("\u010a")
    strings = ["newline" if i == newline else school.tokenizer.decode([i]).strip().lower() or "." for i in range(size)]
    forms = np.array([form_of(school.tokenizer.decode([i])) for i in range(size)], dtype=np.float32)
    return new_nano(config, load_encoder("minilm").encode(strings), forms, how_much_tokens_say(strings), newline, s.seed)


def form_of(text: str) -> tuple[int, int]:
    """1 or -1 for a space before the word or none, a capital or none; 0 for what is no word."""
    word = text.removeprefix(" ")
    return (1 if text != word else -1, 1 if word[0].isupper() else -1) if word.isalpha() else (0, 0)


def how_much_tokens_say(strings: Sequence[str]) -> np.ndarray:
    """-1 for punctuation, pieces and the words of the chat form, rising to 1 with the rarity of a word."""
    rank = {word: i for i, word in enumerate(minilm_words())}
    form = {"system", "user", "assistant", "name", "arguments", "tools", "please", "string", "integer", "number", "date", "boolean"}

    def one(text: str) -> float:
        if not text.isalpha() or len(text) < 3 or text in form:
            return -1.0
        return min(1.0, max(-0.6, (math.log(rank.get(text, 4000) + 1) - 5.5) / 2))

    return np.array([one(text) for text in strings], dtype=np.float32)


def _set_rate(optimizer: torch.optim.Optimizer, s: NanoSettings, step: int) -> None:
    left = (s.steps - step) / max(1.0, s.decay * s.steps)
    factor = min(1.0, (step + 1) / s.warmup_steps, left)
    for group in optimizer.param_groups:
        group["lr"] = s.learning_rate * group["rate"] * factor


def _save_checkpoint(model: Any, optimizer: torch.optim.Optimizer, step: int, tokens: int, out: Path) -> None:
    temporary = out / "checkpoint.tmp"
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "tokens": tokens}, temporary)
    temporary.replace(out / "checkpoint.pt")


def _save_model(model: Any, school: School, out: Path) -> Path:
    """Write the model in bfloat16 with its tokenizer, as transformers loads them."""
    folder = out / "model"
    model.generation_config.eos_token_id = school.tokenizer.eos_token_id
    model.generation_config.pad_token_id = school.tokenizer.pad_token_id
    model.to(torch.bfloat16).save_pretrained(str(folder), safe_serialization=True)
    school.tokenizer.save_pretrained(str(folder))
    return folder


def _log(out: Path, line: dict[str, Any]) -> None:
    with (out / "log.jsonl").open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line) + "\n")
