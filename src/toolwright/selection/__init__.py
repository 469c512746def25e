"""Tool selection: which of many tools fit a request.

The literal dict below is the table of contents: a new selector is one file and one line here.
"""

from typing import Any

from toolwright.selection.embedding import EmbeddingSelector
from toolwright.selection.hybrid import HybridSelector
from toolwright.selection.keyword import KeywordSelector
from toolwright.selection.llm import LLMSelector
from toolwright.selection.protocol import Selector
from toolwright.selection.trained import TrainedSelector
from toolwright.selection.two_stage import TwoStageSelector

SELECTORS: dict[str, type[Any]] = {
    "keyword": KeywordSelector,
    "embedding": EmbeddingSelector,
    "hybrid": HybridSelector,
    "two_stage": TwoStageSelector,
    "llm": LLMSelector,
    "trained": TrainedSelector,
}

__all__ = ["SELECTORS", "EmbeddingSelector", "HybridSelector", "KeywordSelector", "LLMSelector", "Selector", "TrainedSelector", "TwoStageSelector"]
