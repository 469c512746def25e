"""DATASHEET.md of the built data: what it is, how it was made, what it holds, where its limits are (after Gebru et al., Datasheets for Datasets, 2021)."""

from __future__ import annotations

from toolwright.data.build import Dataset
from toolwright.data.stats import counts, tools_by_part
from toolwright.data.versions import version_of

TEXT = """# Datasheet: agent_tools, agent_benchmark, agent_sft

## What it is
Tools of a made-up working world, requests that people put to them, and what a good assistant does then. It serves to train and to measure language
models and smaller parts (selectors, deciders, planners) that use tools.

{tools}

## How it was made
Every service is a file of its own: its data, its tools as SQL on that data, and what people say to it, each sentence written, none from a template.
`toolwright data build` fills the sentences from the rows of a seeded world, runs every call and every plan, and writes what came of it; the same seed
gives the same bytes. Splits are by phrasing (a sentence stands in one split only), by tool (the test asks for tools that train and dev never show, not
even beside others) and by domain (some are in the test alone). Foundation domains lend their tools to the catalogue and a fifth of the training
dialogues, and stand in no test.

- **selection**: a request, its gold tools (one; two, where two requests stand in one message; those of a goal's plan; or none), ten hard candidates.
  The pool is the whole catalogue.
- **timing**: a conversation, the tools at hand, and whether to `call`, `answer`, `clarify` or say that one is `unable`; as many of each label at
  every length.
- **calls**: a conversation and the calls it asks for, with their arguments.
- **planning**: a goal, the world it is set in, a plan that was run and found minimal, what it changes, and what was asked.
- **dialogues**: whole conversations in OpenAI chat form with real tool results.

## How it was checked
`toolwright data check` holds the data to gates: no sentence in two splits, every gold call and plan runs, and word search, the nearest training
sentence, a message's length or a candidate's place say little of the label. Readers who had written none of it labelled 200 timing and 200 selection
examples of the test from their text alone: 200 and 199 agree with the gold labels (95 % intervals 98.1 to 100 and 97.2 to 99.9), the ceiling to compare
with; the description that misled them in the one was mended. Fifty test plans and fifty training dialogues were rated for naturalness, from 1 (senseless)
to 5 (as in real use): 4.26 [4.04, 4.48] and 4.00 [3.78, 4.20] in the mean. What was marked down: values passed on for no reason, reports that tell what
nobody asked for, turns that hardly belong together. Writers and readers were language models; people may agree less.

## What it holds
| task | split | lines | groups |
|---|---|---|---|
{rows}

Version {version}; hash of all files `{sha256}`, seed {seed}.

## Limits
English, and Chinese for a part of the test. The services are made up: no brand, person or place in them is real. Requests are written by few hands,
so that their voices are fewer than the world's. Rows are random: a sentence may be filled with a value that is unlikely in it. Clarifying questions
and refusals are judged by their kind, not by their wording. Figures on this data say how well tools like these are used; they say nothing about
facts, safety or other languages.
"""


def datasheet(data: Dataset) -> str:
    """The datasheet of a built data directory."""
    tools = "\n".join(f"- {part}: {domains} domains, {number} tools" for part, (domains, number) in tools_by_part(data).items())
    rows = "\n".join(f"| {c.task} | {c.split} | {c.lines:,} | {', '.join(f'{name} {number:,}' for name, number in c.groups.items())} |" for c in counts(data))
    return TEXT.format(tools=tools, rows=rows, version=version_of(data.sha256), sha256=data.sha256, seed=data.seed)
