"""Tool selection: which of many tools fit a request.

The literal dict below is the table of contents: a new selector is one file and one line here.
"""

from toolwright.selection.keyword import KeywordSelector
from toolwright.selection.protocol import Selector

SELECTORS: dict[str, type[Selector]] = {
    "keyword": KeywordSelector,
}

__all__ = ["SELECTORS", "KeywordSelector", "Selector"]
