"""Which tools a goal is likely to need, learned from goals with known plans.

Two readings of a goal are kernels over the goals seen: cosines of TF-IDF vectors (words and word pairs) and of sentence vectors. Kernel ridge regression on
their sum gives every tool a score for any text, a whole goal or one of its clauses. Leaving out a group of goals has a closed form (Rasmussen and Williams,
2006, section 5.4.2, for one goal; here for all goals of one plan), so that what is fitted on these scores is fitted on goals that they have not seen. Tools
that no plan used have a description alone. A logistic regression makes one probability of it all.

Which tools to keep is then a question of the metric: the set whose expected F1 is largest, taking tools as independent (after Lewis, 1995).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from toolwright.planning.clauses import Clause, clauses_of
from toolwright.selection.keyword import tool_text, words
from toolwright.types import JSON, Tool

Encode = Callable[[Sequence[str]], np.ndarray]
CANDIDATES = 40  # tools of one goal that the logistic regression judges; the others have no chance
FEATURES = ("goal_score", "clause_score", "clause_margin", "clause_cosine", "goal_cosine", "clause_words", "goal_words", "seen", "frequency")


@dataclass(frozen=True, slots=True)
class Likely:
    """What a goal says for each tool of the catalogue.

    Attributes:
        clauses: of the goal, in order.
        probability: shape (tools,), that the plan has the tool.
        by_clause: shape (clauses, tools), how much each clause speaks for each tool.
    """

    clauses: tuple[Clause, ...]
    probability: np.ndarray
    by_clause: np.ndarray


@dataclass(frozen=True, slots=True)
class _Read:
    """Scores of texts, the whole goal first, then its clauses: by kernel regression, by sentence vectors, by words; each (texts, tools)."""

    clauses: tuple[Clause, ...]
    learned: np.ndarray
    cosine: np.ndarray
    lexical: np.ndarray


class LikelyTools:
    """Learns from goals and the tools of their plans.

    Args:
        encode: texts → unit vectors, shape (texts, dimension).
        ridge: how far the kernel regression is held back.
    """

    def __init__(self, encode: Encode, ridge: float = 0.3) -> None:
        self.encode = encode
        self.ridge = ridge

    def fit(self, goals: Sequence[str], used: Sequence[Sequence[str]], groups: Sequence[str], tools: Sequence[Tool], judged: int | None = None) -> Self:
        """Learn.

        Args:
            goals: texts.
            used: names of the tools of each goal's plan.
            groups: of each goal; goals that share a plan are left out together.
            tools: the catalogue that the names are of.
            judged: the logistic regression is fitted on the first so many goals; on all when not given.
        """
        from sklearn.linear_model import LogisticRegression

        self.names_ = sorted({name for names in used for name in names})
        column = {name: i for i, name in enumerate(self.names_)}
        wanted = np.zeros((len(goals), len(self.names_)), dtype=np.float32)
        for i, names in enumerate(used):
            wanted[i, [column[name] for name in names]] = 1
        self.mean_ = wanted.mean(axis=0)
        self.tfidf_: Any = _vectorizer()
        self.words_ = self.tfidf_.fit_transform(goals).astype(np.float32)
        self.vectors_ = self.encode(goals)
        kernel = (self.words_ @ self.words_.T).toarray() + self.vectors_ @ self.vectors_.T
        kernel[np.diag_indices(len(goals))] += self.ridge
        inverse = np.linalg.inv(kernel)
        self.dual_ = inverse @ (wanted - self.mean_)
        self.index(tools)
        rows, right = [], []
        members: dict[str, list[int]] = {}
        for i, group in enumerate(groups):
            members.setdefault(group, []).append(i)
        shown = range(len(goals) if judged is None else judged)
        read = self._texts([goals[i] for i in shown])
        for group in dict.fromkeys(groups[i] for i in shown):
            out = members[group]
            dual = self.dual_ - inverse[:, out] @ np.linalg.solve(inverse[np.ix_(out, out)], self.dual_[out])
            for i in out:
                if i in shown:
                    scores = self._scored(read[i], dual)
                    kept = self._candidates(scores)
                    rows.append(self._features(scores)[kept])
                    right.append(np.isin(np.array(self.tools_)[kept], list(used[i])))
        self.judge_: Any = LogisticRegression(C=10.0, max_iter=2000).fit(np.concatenate(rows), np.concatenate(right))
        return self

    def index(self, tools: Sequence[Tool]) -> Self:
        """Take another catalogue; what was learned stays."""
        self.tools_ = [tool.name for tool in tools]
        texts = [tool_text(tool) for tool in tools]
        self.tool_vectors_ = self.encode([f"{' '.join(words(tool.name))}. {tool.description}" for tool in tools])
        self.tool_words_ = self.tfidf_.transform(texts).astype(np.float32)
        column = {name: i for i, name in enumerate(self.names_)}
        self.column_ = np.array([column.get(name, -1) for name in self.tools_])
        return self

    def config(self) -> JSON:
        """What `restored` reads beside the arrays."""
        vocabulary = {word: int(i) for word, i in self.tfidf_.vocabulary_.items()}
        return {"names": self.names_, "vocabulary": vocabulary, "ridge": self.ridge}

    def arrays(self) -> dict[str, np.ndarray]:
        """What was learned, as arrays; half precision where nothing is decided by the last digits."""
        seen = self.words_.tocsr()
        return {
            "likely.mean": self.mean_,
            "likely.dual": self.dual_.astype(np.float16),
            "likely.vectors": self.vectors_.astype(np.float16),
            "likely.idf": self.tfidf_.idf_,
            "likely.data": seen.data.astype(np.float16),
            "likely.indices": seen.indices,
            "likely.indptr": seen.indptr,
            "likely.judge": np.concatenate([self.judge_.coef_[0], self.judge_.intercept_]),
        }

    @classmethod
    def restored(cls, encode: Encode, config: JSON, arrays: Mapping[str, np.ndarray]) -> Self:
        """As it was when `config` and `arrays` were taken; `index` has to follow."""
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import LogisticRegression

        found = cls(encode, config["ridge"])
        found.names_, found.mean_ = config["names"], arrays["likely.mean"]
        found.dual_, found.vectors_ = arrays["likely.dual"].astype(np.float32), arrays["likely.vectors"].astype(np.float32)
        found.tfidf_ = _vectorizer(config["vocabulary"])
        found.tfidf_.idf_ = arrays["likely.idf"]
        shape = (len(found.vectors_), len(config["vocabulary"]))
        found.words_ = csr_matrix((arrays["likely.data"].astype(np.float32), arrays["likely.indices"], arrays["likely.indptr"]), shape=shape)
        found.judge_ = LogisticRegression()
        found.judge_.classes_ = np.array([False, True])
        found.judge_.coef_, found.judge_.intercept_ = arrays["likely.judge"][None, :-1], arrays["likely.judge"][-1:]
        return found

    def likely(self, goal: str) -> Likely:
        """Probabilities for one goal over the catalogue; 0 for tools that are no candidates."""
        scores = self._scored(self._texts([goal])[0], self.dual_)
        kept = self._candidates(scores)
        features = self._features(scores)
        probability = np.zeros(len(self.tools_))
        probability[kept] = self.judge_.predict_proba(features[kept])[:, 1]
        weight = self.judge_.coef_[0]
        by_clause = weight[1] * scores.learned[1:] + weight[3] * scores.cosine[1:] + weight[5] * scores.lexical[1:]
        return Likely(scores.clauses, probability, by_clause)

    def _texts(self, goals: Sequence[str]) -> list[tuple[tuple[Clause, ...], Any, np.ndarray]]:
        """For each goal its clauses, and TF-IDF and sentence vectors of the goal and of each clause; encoded in one go."""
        split = [tuple(clauses_of(goal)) for goal in goals]
        texts = [text for goal, clauses in zip(goals, split, strict=True) for text in (goal, *(clause.text for clause in clauses))]
        told, vectors = self.tfidf_.transform(texts).astype(np.float32), self.encode(texts)
        found, at = [], 0
        for clauses in split:
            end = at + 1 + len(clauses)
            found.append((clauses, told[at:end], vectors[at:end]))
            at = end
        return found

    def _scored(self, text: tuple[tuple[Clause, ...], Any, np.ndarray], dual: np.ndarray) -> _Read:
        clauses, told, vectors = text
        near = (told @ self.words_.T).toarray() + vectors @ self.vectors_.T
        learned = np.zeros((len(vectors), len(self.tools_)), dtype=np.float32)
        known = self.column_ >= 0
        learned[:, known] = (near @ dual)[:, self.column_[known]]
        return _Read(clauses, learned, vectors @ self.tool_vectors_.T, (told @ self.tool_words_.T).toarray())

    def _candidates(self, read: _Read) -> np.ndarray:
        rough = 2 * np.maximum(read.learned[0], read.learned[1:].max(axis=0)) + read.cosine.max(axis=0) + read.lexical.max(axis=0)
        return np.argsort(-rough, kind="stable")[:CANDIDATES]

    def _features(self, read: _Read) -> np.ndarray:
        """Shape (tools, features), as `FEATURES` names them."""
        clause = read.learned[1:]
        lead = (clause - clause.max(axis=1, keepdims=True)).max(axis=0)
        known = self.column_ >= 0
        frequency = np.where(known, self.mean_[self.column_], 0)
        columns = (
            read.learned[0],
            clause.max(axis=0),
            lead,
            read.cosine[1:].max(axis=0),
            read.cosine[0],
            read.lexical[1:].max(axis=0),
            read.lexical[0],
            known.astype(float),
            np.log(frequency + 1e-3) * known,
        )
        return np.column_stack(columns)


def _vectorizer(vocabulary: dict[str, int] | None = None) -> Any:
    """TF-IDF over words and word pairs."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(tokenizer=words, token_pattern=None, lowercase=False, ngram_range=(1, 2), sublinear_tf=True, vocabulary=vocabulary)


def best_set(probability: np.ndarray, least: int = 1) -> np.ndarray:
    """Indices of the tools whose expected F1 is largest, the likeliest first: 2 · Σ kept p / (kept + Σ all p)."""
    order = np.argsort(-probability, kind="stable")
    sums = np.cumsum(probability[order])
    sizes = np.arange(1, len(order) + 1)
    expected = 2 * sums / (sizes + sums[-1])
    return order[: max(least, int(expected.argmax()) + 1)]
