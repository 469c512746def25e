"""`toolwright train fusion`: how selectors weigh their evidence, learned from the foundation services' requests alone.

Each request ranks the tools of the ten foundation services, by the mixture that `selection/fusion.py` describes; minimised is the mean negative
log-probability of its gold tools, with a little L2. Requests are those of the domain files, filled from the world, and joined ones of two to four
requests, as people put several wishes into one message. Whether any tool serves a request is a logistic regression on the same services'
requests that none serves.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolwright.data.agent_benchmark import Material, build_selection
from toolwright.encoders import load_encoder
from toolwright.selection.evidence import FEATURES, Evidence, Found
from toolwright.selection.fusion import FITTED, STANDING, Fusion, write_fusion
from toolwright.selection.texts import query_text
from toolwright.types import InputError, SelectionExample, Tool
from toolwright.world.engine import World
from toolwright.world.load import load_domains

JOINTS = ("Then, ", "Additionally, ", "After that, ", "Lastly, ", "Also, ", "And ", "")


@dataclass(frozen=True, slots=True)
class FusionSettings:
    """Settings of the fit."""

    services: str = ""  # the foundation services whose requests count, separated by commas; default: all ten
    joined: int = 600  # requests made of several
    l2: float = 2e-4
    iterations: int = 60  # of L-BFGS
    judged_step: int = 9  # every so many of the served requests abstention is fitted on
    seed: int = 0


def fit_fusion(
    encoder: str,
    settings: FusionSettings,
    out: Path = FITTED,
    progress: Callable[[int, int], None] = lambda done, total: None,
    judged: tuple[Sequence[Tool], Sequence[SelectionExample]] | None = None,
) -> Fusion:
    """Fit the weights for an encoder and put them into the file `out`.

    Args:
        encoder: its name.
        settings: of the fit.
        out: the file of weights.
        progress: told of every request.
        judged: another catalogue with requests, some of which no tool serves, to fit abstention on; default: the foundation services'.
    """
    tools, examples = foundation_requests(settings)
    evidence = Evidence(load_encoder(encoder))
    evidence.add(tools)
    rows = {tool.name: row for row, tool in enumerate(tools)}
    found = []
    for done, example in enumerate(examples):
        found.append(evidence.of(example.query))
        progress(done + 1, len(examples))
    gold = [[rows[name] for name in example.tools] for example in examples]
    weights, part = fit_weights([one.features for one, names in zip(found, gold, strict=True) if names], [names for names in gold if names], settings)
    fusion = Fusion(weights, part, (0.0,) * (len(STANDING) + len(FEATURES)), 0.0, 0.5)
    if judged is None:
        fusion = fit_standing(fusion, found, [bool(names) for names in gold])
    else:
        evidence = Evidence(load_encoder(encoder))
        evidence.add(judged[0])
        shown = [example for example in judged[1] if not example.tools] + [example for example in judged[1] if example.tools][:: settings.judged_step]
        fusion = fit_standing(fusion, [evidence.of(query_text(example.query)) for example in shown], [bool(example.tools) for example in shown])
    write_fusion(encoder, fusion, out)
    return fusion


def foundation_requests(settings: FusionSettings) -> tuple[list[Tool], list[SelectionExample]]:
    """The foundation services' tools, and requests to them: single, joined, and such as no tool serves."""
    domains = [domain for domain in load_domains() if domain.part == "foundation"]
    names = settings.services.split(",") if settings.services else [domain.domain for domain in domains]
    if unknown := set(names) - {domain.domain for domain in domains}:
        raise InputError(f"services: got {', '.join(sorted(unknown))}; allowed: {', '.join(domain.domain for domain in domains)}")
    world = World(domains)
    asked = [domain for domain in domains if domain.domain in names]
    examples = build_selection(Material.gather(asked, world, "train", 1, settings.seed), [], 1_000_000)
    single = [example for example in examples if len(example.tools) == 1]
    source = random.Random(settings.seed)
    for i in range(settings.joined):
        chosen = source.sample(single, source.choice((2, 3, 3, 4)))
        first, *others = (example.query.rstrip(".") for example in chosen)
        said = [f"{source.choice(JOINTS)}{text[0].lower()}{text[1:]}" for text in others]
        query = ". ".join((first, *(text[0].upper() + text[1:] for text in said))) + "."
        examples.append(SelectionExample(id=f"joined{i}", query=query, tools=tuple(dict.fromkeys(example.tools[0] for example in chosen))))
    return list(world.tools.values()), examples


def fit_weights(features: Sequence[np.ndarray], gold: Sequence[Sequence[int]], settings: FusionSettings) -> tuple[tuple[float, ...], float]:
    """Weights of the evidence, and of the parts beside the whole, by L-BFGS.

    Args:
        features: for each request, shape (tools, texts, features); all of the same tools.
        gold: rows of the tools that serve it.
        settings: L2 and iterations.
    """
    import torch

    stacked = torch.from_numpy(np.concatenate([one.transpose(1, 0, 2) for one in features]))  # (texts of all, tools, features)
    counts = [one.shape[1] for one in features]
    owner = torch.repeat_interleave(torch.arange(len(features)), torch.tensor(counts))
    whole = torch.from_numpy(np.concatenate([[i == 0 for i in range(count)] for count in counts]))
    wanted = torch.zeros(len(features), stacked.shape[1])
    for i, rows in enumerate(gold):
        wanted[i, list(rows)] = 1 / len(rows)
    spread = stacked.reshape(-1, stacked.shape[-1]).std(0) + 1e-3
    stacked = stacked / spread
    weights, part = torch.zeros(stacked.shape[-1], requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights, part], max_iter=settings.iterations, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        share = torch.where(whole, torch.zeros(1), part).exp()
        total = torch.zeros(len(features)).index_add(0, owner, share)
        each = torch.softmax(stacked @ weights, dim=1) * (share / total[owner])[:, None]
        mixed = torch.zeros_like(wanted).index_add(0, owner, each)
        value = -(wanted * (mixed + 1e-9).log()).sum() / len(features) + settings.l2 * (weights**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return tuple((weights.detach() / spread).tolist()), float(part.detach())


def fit_standing(fusion: Fusion, found: Sequence[Found], served: Sequence[bool]) -> Fusion:
    """The fusion with a fitted probability that any tool serves a request, and the threshold of the best balanced accuracy."""
    from sklearn.linear_model import LogisticRegression

    standing = np.stack([fusion.stands(one, fusion.log_probabilities(one)) for one in found])
    truth = np.asarray(served)
    spread = standing.std(axis=0) + 1e-6
    fitted = LogisticRegression(class_weight="balanced", max_iter=1000).fit(standing / spread, truth)
    probabilities = fitted.predict_proba(standing / spread)[:, 1]
    marks = np.unique(np.quantile(probabilities, np.linspace(0, 1, 201)))
    balanced = [((probabilities >= mark)[truth].mean() + (probabilities < mark)[~truth].mean()) / 2 for mark in marks]
    weights = tuple((fitted.coef_[0] / spread).tolist())
    return Fusion(fusion.weights, fusion.part, weights, float(fitted.intercept_[0]), float(marks[int(np.argmax(balanced))]))
