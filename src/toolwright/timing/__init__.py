"""Timing: should a tool be called now? Call, answer, clarify, or say that it cannot be done.

The literal dict below is the table of contents: a new decider is one file and one line here.
"""

from toolwright.timing.protocol import TimingDecider
from toolwright.timing.rules import RulesDecider

DECIDERS: dict[str, type[TimingDecider]] = {
    "rules": RulesDecider,
}

__all__ = ["DECIDERS", "RulesDecider", "TimingDecider"]
