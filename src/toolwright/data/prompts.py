"""The words in which a model is asked to judge timing, in training and evaluation alike."""

TIMING_INSTRUCTION = (
    "Decide what to do next and answer with one word. "
    "call: a tool fits and all it needs is said. clarify: a tool fits but something it needs is missing. "
    "answer: no tool is needed. unable: something is wanted that no tool here does."
)
