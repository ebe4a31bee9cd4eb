"""docs/objectives.md, written from the code.

    python -m understudy.objectives.catalogue docs/objectives.md

Names, knobs, needs and sources come from the classes and formulas themselves; what a computer
cannot know, the cost in a word and when to use it, stands in `notes.py`. The part between the marks
is written by hand, from benchmarks, and kept.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from understudy.objectives import OBJECTIVES, corrected, hidden, is_joint, recipe_name
from understudy.objectives.adapters import Projections, Variational
from understudy.objectives.notes import METHOD_NOTES, NOTES, Note

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


SHAPES: Mapping[str, str] = {
    "features": "places; widths by the map",
    "places": "places",
    "width": "widths by the map",
    "rows": "nothing",
}
LEARNS: Mapping[type | None, str] = {
    None: "nothing",
    Projections: "a linear map",
    Variational: "three linear maps and a variance a feature",
}

OPENING = f"""# Objectives

What a student can minimise. Terms add and scale: in a recipe as a list, in Python as
`0.9 * SoftLabels(temperature=4) + 0.1 * HardLabels()`.

{BEGIN}
"""
UNMEASURED = """## Which to use, measured

Nothing is claimed here yet: this part is filled from `benchmarks/`.
"""
READING = f"""{END}

## All of them

*Reads* is what must be stored of the teacher. *Labels* says whether rows without a label are left
out. *Joint* terms relate the rows of a batch to each other, so that micro-batches change them.
*Cost* is for the term alone, beside the student's own step. A knob is shown with its default, which
is the authors' own where they give one; every term also takes a `weight`. All are computed in
float32 whatever the answers come in, and all but those marked * are 0, without a gradient, for a
student equal to its teacher.

| in a recipe | knobs | reads | labels | joint | cost | when | known as, source |
|---|---|---|---|---|---|---|---|
"""
TABLES = """
## Embeddings and candidates

Terms that read `embedding` meet tables [B, D], a vector a row. All but `similarity_kl` compare
dimension with dimension, so that both sides must have one width: end the student in a projection to
the teacher's, which then ships with it, or set `student.dimensions` in a recipe, which brings the
teacher's embeddings to that many along their principal components.
`matryoshka` wraps one of them: `{term: {embedding_cosine: {}}, dimensions: [64, 128, 256]}`. A
teacher's first dimensions are as good as any others; `student.axes: principal` turns the vectors to
their principal components first, the largest before the others.

Terms that read `scores` meet tables [B, K], the K candidates of each query; `score_squared_error`
takes single pairs too. A candidate is missing where the teacher's score is minus infinity or NaN:
whatever the student shows there does not count. `margin_mse` takes the first for the positive.

`soft_binary_labels` and `hard_binary_labels` are for several labels a row: a sigmoid a class, and
labels as a table of 0 and 1, with -1 for what is not known.
"""
WRAPPERS = """
## Where the teacher contradicts a label

`Corrected(term, when_wrong=..., label_share=0.5, confidence=0.0)` wraps a term that reads logits.
For rows whose label the teacher contradicts:

"""
HIDDEN = """
## Hidden features

`hidden_features: {pairs: {layer.3: layer.11}, method: attention_transfer, weight: 1000}` compares
places of the student, on the left, with places of the teacher, both named by module path. *Shapes*
says what must agree beside the rows: larger maps are averaged down to the smaller. *Learns* says
what is trained beside the student and dropped after it. The *weight* is the authors' own, beside 1
of the labels. *Joint* and * are as above; with a learnt map between the two, a student equal to its
teacher rests only once the map has become the identity.

| method | weight | shapes | learns | joint | cost | when | known as, source |
|---|---|---|---|---|---|---|---|
"""
CLOSING = """
## Proof

`python benchmarks/loss_audit.py` holds every loss here that claims to be KL against
T² · KL(teacher ‖ student), beside well-known mistakes and what neighbours ship. Each formula has a
test against an independent reference in float64, with its gradient, and each objective is put to
the laws of `tests/objectives/test_laws.py`. A loss of your own:

```python
from understudy.objectives.audit import audit

print(audit({4.0: my_loss}).line)  # my_loss(student_logits, teacher_logits) at temperature 4
```
"""
WAYS: Mapping[str, str] = {
    "keep": "the teacher's answer as it is",
    "blend": "`label_share` of the label mixed into the teacher's probabilities (the default)",
    "skip": "nothing; the row still counts in the mean",
    "trust the label": "cross-entropy with the label, instead of the term",
}


def page(measured: str = UNMEASURED) -> str:
    """The whole page; `measured` is what stands between the marks."""
    rows = "".join(f"{_row(kind, NOTES[kind])}\n" for kind in OBJECTIVES)
    ways = "".join(f'- `"{way}"`: {what}\n' for way, what in WAYS.items())
    weighing = f"\n`confidence` weighs every row. {_source(corrected.confidence_weight)}\n"
    methods = "".join(f"{_method_row(name)}\n" for name in hidden.METHODS)
    inside = TABLES + HIDDEN + methods + WRAPPERS + ways + weighing
    return OPENING + measured + READING + rows + inside + CLOSING


def measured_in(text: str) -> str:
    """What stands between the marks of a page, or the words for nothing measured yet."""
    found = re.search(f"{re.escape(BEGIN)}\n(.*?){re.escape(END)}", text, re.DOTALL)
    return found[1] if found else UNMEASURED


def _method_row(name: str) -> str:
    method, (known_as, cost, when) = hidden.METHODS[name], METHOD_NOTES[name]
    cells = (
        f"`{name}`" + ("" if method.zero_at_teacher else " *"),
        f"{method.weight:g}",
        SHAPES[method.compares],
        LEARNS[method.learns],
        "yes" if method.joint else "no",
        cost,
        when,
        f"{known_as}. {_source(method.formula)}".replace("|", "\\|"),
    )
    return f"| {' | '.join(cells)} |"


def _row(kind: Any, note: Note) -> str:
    usual = kind()
    name = f"`{recipe_name(kind)}`" + ("" if usual.zero_at_teacher else " *")
    knobs = ", ".join(f"`{each.name}: {_default(each)}`" for each in fields(kind))
    reads = ", ".join(f"`{each}`" for each in usual.reads)
    cells = (
        name,
        knobs or "none",
        reads or "nothing",
        "yes" if kind.needs_labels else "no",
        "yes" if is_joint(usual) else "no",
        note.cost,
        note.when,
        f"{note.known_as}. {_source(note.source_in)}".replace("|", "\\|"),
    )
    return f"| {' | '.join(cells)} |"


def _default(knob: Field[Any]) -> str:
    if knob.default_factory is not MISSING:
        return recipe_name(type(knob.default_factory()))
    if knob.default is MISSING:
        return "required"
    text = str(list(knob.default) if isinstance(knob.default, tuple) else knob.default)
    return text.lower() if isinstance(knob.default, bool) else text


def _source(formula: Callable[..., Any]) -> str:
    """The 'Source:' of a docstring, on one line."""
    text = inspect.getdoc(formula) or ""
    _, _, source = text.partition("Source:")
    line = " ".join(source.split())
    return line[:1].upper() + line[1:]


def main(arguments: list[str]) -> None:
    """Write the page to the path given, keeping its measured part; or print it."""
    if not arguments:
        print(page(), end="")
        return
    path = Path(arguments[0])
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(page(measured_in(old)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
