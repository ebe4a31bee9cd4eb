"""What vectors are held against: pairs of texts with a score, or queries and what they should find.

Either names its texts by their row among all texts of the test, so that each is embedded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from understudy.errors import RequestError
from understudy.evaluation.retrieval import Floats, Judgements, Numbers


@dataclass(frozen=True)
class Pairs:
    """Pairs of texts, each with how alike they are. Shapes: first, second, gold [P].

    The neighbours of a text are sought among all texts of the pairs but itself.
    Raises RequestError for fewer than two pairs, or scores that are all the same or not finite.
    """

    metric: ClassVar[str] = "spearman"
    row_is: ClassVar[str] = "pair"

    first: Numbers
    second: Numbers
    gold: Floats

    def __post_init__(self) -> None:
        if not len(self.first) == len(self.second) == len(self.gold):
            raise RequestError("scored pairs need as many first as second texts and scores")
        odd = np.flatnonzero(~np.isfinite(self.gold))
        if len(odd):
            raise RequestError(f"test pair {odd[0]} has no finite score; every pair needs one")
        if len(np.unique(self.gold)) < 2:
            raise RequestError(
                "the test pairs have fewer than two different scores, so nothing can be ranked; "
                "give pairs of which some are more alike than others"
            )

    @staticmethod
    def of(
        first: Sequence[str], second: Sequence[str], gold: Sequence[float] | Floats
    ) -> tuple[tuple[str, ...], Pairs]:
        """The different texts of pairs, in order of first appearance, and the pairs of their rows.

        Shapes: first, second, gold [P].
        """
        texts = tuple(dict.fromkeys([*first, *second]))
        row = {text: number for number, text in enumerate(texts)}
        one, other = (np.array([row[text] for text in side], np.int64) for side in (first, second))
        return texts, Pairs(one, other, np.asarray(gold, np.float64))

    def __len__(self) -> int:
        return len(self.gold)

    @property
    def texts(self) -> int:
        """How many texts the test has."""
        return 1 + int(self.asked.max())

    @cached_property
    def asked(self) -> Numbers:
        """The texts whose neighbours are looked at."""
        return np.unique(np.concatenate([self.first, self.second]))

    @property
    def pool(self) -> Numbers:
        """The texts among which they are sought."""
        return self.asked

    @property
    def excluded(self) -> Numbers | None:
        """For each text asked, the place in the pool that is not its neighbour: itself."""
        return np.arange(len(self.asked))

    @property
    def labels(self) -> NDArray[np.generic]:
        """What `predictions.parquet` says of each pair: its score."""
        return self.gold


@dataclass(frozen=True)
class Search:
    """Queries, the documents they are put to, and what is relevant. Shapes: [Q], [N].

    Judgements name queries and documents by their place among `queries` and `documents`.
    Raises RequestError for a judgement of what is not there, or a query without relevant documents.
    """

    metric: ClassVar[str] = "ndcg_at_10"
    row_is: ClassVar[str] = "query"

    queries: Numbers
    documents: Numbers
    judgements: Judgements

    def __post_init__(self) -> None:
        for what, places, limit in (
            ("query", self.judgements.query, len(self.queries)),
            ("document", self.judgements.document, len(self.documents)),
        ):
            odd = np.flatnonzero((places < 0) | (places >= limit))
            if len(odd):
                raise RequestError(
                    f"judgement {odd[0]} names {what} {places[odd[0]]}; there are {limit}"
                )
        lost = np.flatnonzero(self.judgements.relevant(len(self.queries)) == 0)
        if len(lost) or not len(self.queries):
            raise RequestError(
                f"{len(lost)} of {len(self.queries)} test queries have no relevant document, so "
                "that nothing can be found; leave them out"
            )

    def __len__(self) -> int:
        return len(self.queries)

    @property
    def texts(self) -> int:
        """How many texts the test has."""
        return 1 + int(max(self.queries.max(), self.documents.max()))

    @property
    def asked(self) -> Numbers:
        """The texts whose neighbours are looked at."""
        return self.queries

    @property
    def pool(self) -> Numbers:
        """The texts among which they are sought."""
        return self.documents

    @property
    def excluded(self) -> Numbers | None:
        """No document is left out."""
        return None

    @property
    def labels(self) -> NDArray[np.generic]:
        """What `predictions.parquet` says of each query: how many documents are relevant."""
        return self.judgements.relevant(len(self.queries))
