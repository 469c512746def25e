"""Paired tests in words: who is better than whom by how much, and where no difference was shown."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from toolwright.report.tables import HEADLINES
from toolwright.types import Comparison

BASE = "base"


def verdict(comparison: Comparison) -> str:
    """The outcome of a paired test in words."""
    if not comparison.significant:
        return "no significant difference"
    better = comparison.second if comparison.difference.value > 0 else comparison.first
    return f"{better} is better"


def findings(comparisons: Sequence[Comparison]) -> dict[str, list[str]]:
    """What the tests say, by title of the score: sentences on the trained methods against the untrained base, and on every pair of them."""
    found: dict[str, list[str]] = {}
    for metric in dict.fromkeys(one.metric for one in comparisons):
        tests = [one for one in comparisons if one.metric == metric]
        against = [_from_base(one) for one in tests if BASE in (one.first, one.second)]
        pairs = [one for one in tests if BASE not in (one.first, one.second)]
        found[title(metric)] = _against_base(against) + _between(pairs)
    return found


def title(metric: str) -> str:
    """What a score is called; the key itself where it has no other name."""
    return HEADLINES.get(metric, metric)


def _from_base(one: Comparison) -> Comparison:
    """The same test with the base first."""
    if one.first == BASE:
        return one
    d = one.difference
    return one.model_copy(update={"first": BASE, "second": one.first, "difference": d.model_copy(update={"value": -d.value, "low": -d.high, "high": -d.low})})


def _against_base(tests: Sequence[Comparison]) -> list[str]:
    sentences = []
    for word, chosen in (
        ("Better than the untrained base", [one for one in tests if one.significant and one.difference.value > 0]),
        ("Worse than the untrained base", [one for one in tests if one.significant and one.difference.value < 0]),
    ):
        if chosen:
            sentences.append(f"{word}: {'; '.join(f'{one.second} by {points(one)}' for one in chosen)}.")
    rest = [one.second for one in tests if not one.significant]
    if rest:
        sentences.append(f"No significant difference from the untrained base: {', '.join(rest)}.")
    return sentences


def _between(pairs: Sequence[Comparison]) -> list[str]:
    clear = [one for one in pairs if one.significant]
    by_worse: dict[str, list[str]] = {}
    for one in clear:
        better, worse = (one.second, one.first) if one.difference.value > 0 else (one.first, one.second)
        by_worse.setdefault(worse, []).append(f"{better} by {points(one)}")
    sentences = [f"Better than {worse}: {'; '.join(better)}." for worse, better in by_worse.items()]
    rest = len(pairs) - len(clear)
    if rest and not clear:
        sentences.append(
            "No significant difference between the two methods." if rest == 1 else f"No significant difference in any of the {rest} pairs of methods."
        )
    elif rest:
        sentences.append(f"No significant difference in the other {f'{rest} pairs' if rest > 1 else 'pair'} of methods.")
    return sentences


def points(one: Comparison) -> str:
    """The difference in percentage points, without its sign, with its interval and p-value."""
    d = one.difference
    low, high = (d.low, d.high) if d.value > 0 else (-d.high, -d.low)
    p = "p < 0.001" if one.p < 0.001 else f"p = {one.p:.3f}"
    return f"{100 * abs(d.value):.1f} points [{100 * low:.1f}, {100 * high:.1f}], {p}"


def caution(comparisons: Sequence[Comparison]) -> str:
    """What the tests cannot say; empty where several seeds ran throughout."""
    if any(one.seeds == 1 for one in comparisons):
        return "Where one seed ran, test sentences alone are drawn anew: nothing is said of how another seed would have come out."
    return ""


def markdown_of_tests(comparisons: Sequence[Comparison]) -> str:
    """The sentences, then every pair in a table."""
    lines = [f"**{name}.** {' '.join(sentences)}\n" for name, sentences in findings(comparisons).items()]
    lines += [caution(comparisons) + "\n"] if caution(comparisons) else []
    lines += ["| score | first | second | second − first, points | p (Holm) | seeds | n | verdict |", "|---|---|---|---|---|---|---|---|"]
    for one in comparisons:
        d = one.difference
        figures = f"{100 * d.value:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}] | {one.p:.3f} | {one.seeds} | {d.n}"
        lines.append(f"| {title(one.metric)} | {one.first} | {one.second} | {figures} | {verdict(one)} |")
    return "\n".join(lines) + "\n"


def tests_comma_separated(comparisons: Sequence[Comparison]) -> str:
    """Every paired test, one a line; differences as shares of 1."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["metric", "first", "second", "difference", "low", "high", "n", "seeds", "p_holm", "verdict"])
    for one in comparisons:
        d = one.difference
        writer.writerow([one.metric, one.first, one.second, d.value, d.low, d.high, d.n, one.seeds, one.p, verdict(one)])
    return text.getvalue()
