"""What a recipe says of the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from understudy.data.augmenting import Augmentation
from understudy.errors import RequestError

Source = Any
"""A path, `sklearn:NAME` or `hub:OWNER/NAME` in a file; in Python also arrays, (x, y), a loader."""


@dataclass(frozen=True)
class Negatives:
    """Who finds what looks relevant to a query and is not known to be, and what is left out."""

    by: Literal["bm25", "teacher", "both"] = "bm25"
    """An encoder finds the documents nearest to a query among all, a cross-encoder those that it
    scores highest of BM25's first `among`; both: in turn with BM25's own."""
    skip: int = 0
    """The first found of each query, left out: what stands there may well be relevant."""
    margin: float | None = None
    """Leave out what the teacher scores above 1 - margin times the query's best relevant document:
    by cosine, or by the sigmoid of a cross-encoder's score. None: nothing is left out for it."""
    among: int = 200
    """Documents of each query, the best by BM25, that a cross-encoder scores to find its own."""

    def __post_init__(self) -> None:
        if self.skip < 0:
            raise RequestError(f"negatives.skip is {self.skip}; it must be 0 or more")
        if self.among < 1:
            raise RequestError(f"negatives.among is {self.among}; it must be 1 or more")
        if self.margin is None:
            return
        if self.by == "bm25":
            raise RequestError(
                "negatives.margin compares scores of the teacher; it needs by: teacher, or both"
            )
        if not 0 <= self.margin < 1:
            raise RequestError(
                f"negatives.margin is {self.margin}; it must be 0 or more, and below 1"
            )


@dataclass(frozen=True)
class Data:
    """Where the rows come from, and which of them serve for what."""

    train: Source
    unlabelled: Source = None
    """Rows without labels: the teacher labels them."""
    validation: Source = None
    test: Source = None
    """Split off train, stratified, where missing."""
    out_of_scope: Source = None
    """Inputs of no class, which a model should be unsure of; they are scored, never learnt from."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Which column is which, such as {image: file, label: kind}; inferred where missing."""
    classes: tuple[str, ...] | None = None
    """The names of the classes in the order of the teacher's outputs; sorted where missing."""
    label_separator: str = "|"
    """What stands between the labels of a row that may have several, where they are one text."""
    label_columns: tuple[str, ...] = ()
    """Columns of 0 and 1, one for each class of a row that may have several."""
    slices: tuple[str, ...] = ()
    """Columns to report quality by."""
    image_size: tuple[int, int] | None = None
    """Height and width in pixels to bring every image to; their own where they agree."""
    most_tokens: int = 128
    """Tokens of a text that are read, at most."""
    candidates: int = 10
    """Documents that a reranker scores together for one query."""
    depth: int = 50
    """Documents of a search, the best by BM25, that are reranked for each test query."""
    negatives: Negatives = field(default_factory=Negatives)
    """What a reranker's lists hold beside the relevant documents."""
    augment: Augmentation | None = None
    """Copies of the texts to train on, changed a little, which the teacher answers too."""
    test_share: float = 0.2
    validation_share: float = 0.1
    split_seed: int = 0

    def __post_init__(self) -> None:
        for name in ("test_share", "validation_share"):
            share = getattr(self, name)
            if not 0 < share < 1:
                raise RequestError(f"data.{name} is {share}; it must lie between 0 and 1")
        split_off = self.test_share + self.validation_share
        if self.test is None and self.validation is None and split_off >= 1:
            raise RequestError(
                f"data.test_share and data.validation_share come to {split_off:g}; "
                "they must leave rows to train on"
            )
        if not self.label_separator:
            raise RequestError("data.label_separator is empty; give what parts labels, such as '|'")
        if len(self.label_columns) == 1:
            raise RequestError(
                f"data.label_columns names '{self.label_columns[0]}' alone; there must be one "
                "column for each of two or more classes"
            )
        if self.most_tokens < 4:
            raise RequestError(f"data.most_tokens is {self.most_tokens}; it must be 4 or more")
        for name in ("candidates", "depth"):
            if getattr(self, name) < 2:
                raise RequestError(f"data.{name} is {getattr(self, name)}; it must be 2 or more")
        if self.image_size is not None and min(self.image_size) < 1:
            raise RequestError(
                f"data.image_size is {list(self.image_size)}; height and width must be 1 or more"
            )
