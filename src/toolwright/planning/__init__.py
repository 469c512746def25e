"""Plans: steps that feed each other, as a graph that is checked before anything runs.

The literal dict below is the table of contents: a new planner is one file and one line here.
"""

from typing import Any

from toolwright.planning.hierarchical import HierarchicalPlanner
from toolwright.planning.learned import LearnedPlanner
from toolwright.planning.react import ReactPlanner
from toolwright.planning.tree_search import TreeSearchPlanner

PLANNERS: dict[str, Any] = {
    "hierarchical": HierarchicalPlanner,
    "learned": LearnedPlanner,
    "react": ReactPlanner,
    "tree_search": TreeSearchPlanner,
}

__all__ = ["PLANNERS", "HierarchicalPlanner", "LearnedPlanner", "ReactPlanner", "TreeSearchPlanner"]
