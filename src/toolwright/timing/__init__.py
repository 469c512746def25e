"""Timing: should a tool be called now? Call, answer, clarify, or say that it cannot be done.

The literal dict below is the table of contents: a new decider is one file and one line here.
"""

from toolwright.timing.classifier import ClassifierDecider
from toolwright.timing.hybrid import HybridDecider
from toolwright.timing.llm import LLMDecider
from toolwright.timing.protocol import TimingDecider
from toolwright.timing.rules import RulesDecider

DECIDERS: dict[str, type[TimingDecider]] = {
    "rules": RulesDecider,
    "classifier": ClassifierDecider,
    "llm": LLMDecider,
    "hybrid": HybridDecider,
}

__all__ = ["DECIDERS", "ClassifierDecider", "HybridDecider", "LLMDecider", "RulesDecider", "TimingDecider"]
