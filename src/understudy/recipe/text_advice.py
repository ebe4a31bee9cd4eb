"""What suits texts: a look at their lengths, and the lines of a recipe that follow from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from understudy.recipe.proposal import Advice
from understudy.recipe.writing import on_one_line

if TYPE_CHECKING:
    from understudy.data.cells import Column
    from understudy.data.rows import Rows
    from understudy.recipe.appraisal import Appraisal
    from understudy.recipe.beside import Beside

USUAL_TOKENS, MOST_TOKENS = 128, 512
"""Of a text that are read where a recipe says nothing; and that a transformer reads at most."""
TOKENS_PER_WORD = 1.4
"""About what a WordPiece tokenizer makes of a word in English."""
BATCH = 64
OF_CLASSES = (
    "soft_labels: {temperature: 2, weight: 0.9}  # match the teacher's probabilities",
    "hard_labels: {weight: 0.1}                  # and the labels",
)
OF_SETS = (
    "soft_binary_labels: {weight: 0.9}  # match how likely the teacher says each class is",
    "hard_binary_labels: {weight: 0.1}  # and the labels",
)
"""Lines of an objective, for one class a row and for several."""
FEW = 20
"""Values of a column that rows can be grouped by, at most."""


@dataclass(frozen=True)
class Texts:
    """Lengths of the texts in words; `slices` are other columns of few values each.

    `most` is what 95 of 100 texts have at most.
    """

    median: int
    most: int
    longest: int
    slices: tuple[str, ...] = ()


def look(rows: Rows, columns: Mapping[str, str]) -> Texts:
    """Count the words of every text; `columns` as `guessed_columns` gives them."""
    import numpy as np

    words = np.zeros(len(rows), dtype=np.int64)
    for want, name in columns.items():
        if want != "label":
            words += [len(str(cell or "").split()) for cell in rows.columns[name]]
    median, most = np.quantile(words, (0.5, 0.95))
    others = (name for name in rows.columns if name not in columns.values())
    slices = tuple(name for name in others if _has_few_values(rows.columns[name]))
    return Texts(int(median), int(most), int(words.max()), slices)


def advise(
    texts: Texts,
    rows: int,
    beside: Mapping[str, Beside],
    teacher: Appraisal | None,
    several: bool = False,
) -> Advice:
    """By number of rows, so that a first run takes minutes on two cores.

    `several`: a row may have several classes.
    """
    usable = {role: found for role, found in beside.items() if found.lacks is None}
    transfer = rows + (usable["unlabelled"].rows if "unlabelled" in usable else 0)
    return Advice(
        form=f"a text has {texts.median:,} words (median), the longest {texts.longest:,}",
        data=tuple(_data(texts, beside, teacher)),
        teacher="cnn",
        teaching=_teaching(rows, teacher),
        student=tuple(_student(teacher)),
        objective=OF_SETS if several else OF_CLASSES,
        training={
            "epochs": 60 if transfer < 3000 else 40 if transfer < 20_000 else 20,
            "batch_size": BATCH,
            "learning_rate": "2.0e-3",
        },
        require=("quality_retained >= 0.97", "latency_p95_ms <= 1", "bytes <= 20 MB"),
    )


def _data(texts: Texts, beside: Mapping[str, Beside], teacher: Appraisal | None) -> Iterator[str]:
    use = {
        "unlabelled": "the teacher labels them",
        "out_of_scope": "of no class; scored, never learnt from",
    }
    for role, told in use.items():
        if role in beside:
            found = beside[role]
            line = f"{role}: {on_one_line(found.source)}"
            if found.lacks is None:
                yield f"{line}  # {found.rows:,} rows, found beside it: {told}"
            else:
                yield f"# {line}  # found beside it, without a column {on_one_line(found.lacks)}"
    tokens = _most_tokens(texts, teacher)
    if tokens != USUAL_TOKENS:
        yield f"most_tokens: {tokens}  # of a text that are read; {USUAL_TOKENS} where not said"
    if texts.slices:
        yield f"# slices: {on_one_line(list(texts.slices))}  # few values: quality by each of them"


def _most_tokens(texts: Texts, teacher: Appraisal | None) -> int:
    """Enough for 95 of 100 texts, in steps of the usual number; no more than the teacher reads."""
    limit = MOST_TOKENS if teacher is None else teacher.tokens or MOST_TOKENS
    steps = math.ceil(texts.most * TOKENS_PER_WORD / USUAL_TOKENS)
    return min(max(1, steps) * USUAL_TOKENS, limit, MOST_TOKENS)


def _teaching(rows: int, teacher: Appraisal | None) -> dict[str, int | str]:
    """How a teacher is trained: an encoder keeps most of what it knows."""
    if teacher is not None and teacher.begins == "encoder":
        epochs = 10 if rows < 1000 else 5 if rows < 20_000 else 2
        return {"epochs": epochs, "batch_size": BATCH, "learning_rate": "5.0e-5"}
    return {"epochs": 20 if rows < 3000 else 10 if rows < 20_000 else 4, "batch_size": BATCH}


def _student(teacher: Appraisal | None) -> Iterator[str]:
    layers = None if teacher is None else teacher.layers
    yield "student: static  # token embeddings, pooled: microseconds a text"
    yield "# student: {preset: static, vocabulary: used}  # smaller: the tokens that the texts use"
    yield "# student: mini  # a transformer, slower and often better; tiny and small are others"
    if layers is None:
        cut, told = [0, 2, 5], "layers of a Transformers teacher"
    else:
        cut, told = _spread(layers), f"some of the teacher's {layers} layers"
    yield f"# student: {{from_teacher: {{layers: {cut}}}}}  # {told}"
    yield "# (a transformer wants fewer epochs and a learning_rate of 1.0e-4)"


def _spread(layers: int) -> list[int]:
    """The first, a middle and the last layer."""
    return sorted({0, (layers - 1) // 2, layers - 1})


def _has_few_values(column: Column) -> bool:
    """Whether rows can be grouped by it: texts, integers or booleans of few values."""
    import numpy as np

    values = set()
    for cell in column:
        if cell is None:
            continue
        if not isinstance(cell, str | int | np.integer | np.bool_):
            return False
        values.add(cell)
        if len(values) > FEW:
            return False
    return len(values) > 1
