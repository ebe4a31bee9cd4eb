"""The space that an encoder learns: the teacher's own, fewer of its dimensions, or other axes.

The teacher is asked once, in full, whatever a student keeps of it: one store of its vectors serves
students of any width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from understudy.errors import RequestError
from understudy.files import content_key
from understudy.recipe.students import Axes, Cut, FromTeacher, Preset
from understudy.tasks.folders import PROJECTION

if TYPE_CHECKING:
    from understudy.objectives import Objective
    from understudy.pipeline.distilling import Production
    from understudy.students.projection import Projection
    from understudy.tasks import Prepared
    from understudy.tasks.prepared import IntArray
    from understudy.teachers import Teacher

ROWS_AT_ONCE = 16_384
"""Rows of knowledge that a projection is fitted on together, so that memory stays flat."""


@dataclass(frozen=True)
class Space:
    """Where a student's vectors lie, beside its teacher's."""

    dimensions: int
    of: int
    """Dimensions of the teacher."""
    axes: Literal["teacher", "principal"]
    prefixes: tuple[int, ...] = ()
    """Fewer dimensions to which the objective says that vectors may be cut."""

    @property
    def is_the_teachers(self) -> bool:
        """Whether a student's vectors can stand among the teacher's as they are."""
        return self.dimensions == self.of and self.axes == "teacher"

    @property
    def steps(self) -> tuple[int, ...] | None:
        """Lengths whose first numbers are to span the leading principal space of so many.

        None where all are in order: a rotation of the whole space is for nothing else.
        """
        return None if self.dimensions == self.of and not self.prefixes else self.prefixes

    @property
    def is_fitted(self) -> bool:
        """Whether it is known only when the teacher has been asked."""
        return self.axes == "principal"


def space_of(production: Production) -> Space | None:
    """The space that a recipe asks for; None for tasks without vectors.

    Raises: RequestError where there is no such space.
    """
    from understudy.teachers.teaching import probe

    (asked, axes), task = _asked(production.recipe.student), production.task
    if task.gives != "embedding":
        if asked is not None or axes != "auto":
            raise RequestError(
                "student.dimensions and student.axes are for text-embedding; a student of "
                f"{task.name} gives {task.gives}: leave them out"
            )
        return None
    prepared = production.prepared
    said = probe(production.teacher.teacher, prepared, task.inputs)
    of = said["embedding"].shape[-1]
    dimensions = of if asked is None else asked
    if dimensions > of:
        raise RequestError(
            f"student.dimensions is {dimensions}, but the teacher's vectors have {of}; name {of} "
            "or fewer"
        )
    prefixes = _prefixes(production.asked_objective)
    if prefixes and prefixes[-1] > dimensions:
        raise RequestError(
            f"objective: matryoshka names {prefixes[-1]} dimensions, but the student's vectors "
            f"have {dimensions}; name {dimensions} or fewer"
        )
    if axes == "auto":
        axes = "principal" if dimensions < of else "teacher"
    if axes == "principal":
        from understudy.students.projection import too_few

        rows = len(rows_to_fit(prepared))
        if rows < dimensions:
            raise RequestError(too_few(rows, dimensions))
    return Space(dimensions, of, axes, prefixes)


def _asked(spec: Any) -> tuple[int | None, Axes]:
    """The dimensions and axes that a recipe names for a student."""
    part = spec.from_teacher if isinstance(spec, FromTeacher) else spec
    return (part.dimensions, part.axes) if isinstance(part, Preset | Cut) else (None, "auto")


def _prefixes(objective: Objective) -> tuple[int, ...]:
    """The lengths that vectors may be cut to, in order."""
    from understudy.objectives import Matryoshka

    cutting = (part.term for part in objective.terms if isinstance(part.term, Matryoshka))
    return tuple(sorted({length for term in cutting for length in term.dimensions}))


def rows_to_fit(prepared: Prepared) -> IntArray:
    """The rows that a projection is fitted on: those learnt from that no test asks about.

    Of a search the documents are known beforehand, and its queries are not.
    """
    test = prepared.splits["test"]
    asked = test[prepared.relations["queries"]] if "queries" in prepared.relations else test
    return np.setdiff1d(prepared.splits["train"], asked)


def sketched(space: Space | None) -> Projection | None:
    """A projection of the right shape, before there is anything to fit one on."""
    from understudy.students.projection import Projection

    if space is None or space.is_the_teachers:
        return None
    return Projection.leading(space.of, space.dimensions)


def projection_key(production: Production) -> str:
    """Equal when, and only when, the same projection would be fitted."""
    space = production.space
    assert space is not None
    made = {"knowledge": production.knowledge_key, "dimensions": space.dimensions}
    return content_key({**made, "steps": space.steps})


def space_key(production: Production) -> list[str]:
    """What a student's key holds of its space: nothing where that is the teacher's own."""
    space = production.space
    if space is None or space.is_the_teachers:
        return []
    return [f"{space.axes}-{space.dimensions}", *map(str, space.steps or ())]


def is_fitted(production: Production) -> bool:
    """Whether a student learns through a projection that is fitted on the teacher's answers."""
    return production.space is not None and production.space.is_fitted


def is_unfitted(production: Production) -> bool:
    """Whether such a projection waits for answers of the teacher."""
    from understudy.store import open_store, store_exists

    if not is_fitted(production):
        return False
    path = production.workspace.checkpoint(PROJECTION)
    if production.workspace.done("projection", projection_key(production), path) is not None:
        return False
    root = production.knowledge_root
    return not store_exists(root) or bool(open_store(root).missing())


def heard(production: Production) -> Teacher:
    """The teacher as its student is taught: its vectors in the student's space."""
    from understudy.teachers.projected import Projected

    teacher, projection = production.tapped, production.projection
    return teacher if projection is None else Projected(teacher, projection)


def projection_of(production: Production) -> Projection | None:
    """The projection that a student learns through; None where it learns the teacher's own space.

    Fitted once, on stored knowledge, and kept in the run; one that was damaged is fitted again.
    Raises: RequestError where the teacher is asked live.
    """
    from understudy.students.projection import read_projection

    space = production.space
    if space is None or not space.is_fitted:
        return sketched(space)
    refuse_live(production)
    key, workspace = projection_key(production), production.workspace
    path = workspace.checkpoint(PROJECTION)

    def make() -> dict[str, Any]:
        fresh = _fitted(production, space)
        fresh.save(path)
        return {"dimensions": fresh.dimensions, "kept": fresh.kept, "sha256": fresh.digest}

    told = workspace.step("projection", key, make, path)
    try:
        found = read_projection(path)
        if found.digest == told["sha256"]:
            return found
    except RequestError as error:
        workspace.emit({"event": "warning", "text": f"{error}"})
    path.unlink()
    workspace.step("projection", key, make, path)
    return read_projection(path)


def _fitted(production: Production, space: Space) -> Projection:
    from understudy.students.projection import fitted

    store, rows = production.store, rows_to_fit(production.prepared)
    assert store is not None

    def blocks() -> Iterator[Any]:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            yield store.gather(rows[start : start + ROWS_AT_ONCE], ("embedding",))["embedding"]

    return fitted(blocks(), space.dimensions, space.steps)


def refuse_live(production: Production) -> None:
    """Raise RequestError where a projection is to be fitted on answers that are not kept."""
    if is_fitted(production) and production.asks_live:
        raise RequestError(
            "principal components are found in stored answers of the teacher, and it is asked "
            "live; set knowledge.mode to stored, or student.axes to teacher"
        )


def leave_beside(projection: Projection | None, folder: Path) -> None:
    """Put the projection, if any, and a script that applies it, beside a student or an export."""
    from understudy.export.usage import PROJECT
    from understudy.files import write_atomically

    if projection is not None:
        projection.save(folder / PROJECTION)
        write_atomically(folder / "project.py", PROJECT)


def told_of(production: Production) -> dict[str, Any] | None:
    """The space as the scorecard tells of it; None where it is the teacher's own."""
    space, projection = production.space, production.projection
    if space is None or projection is None:
        return None
    kept = projection.kept
    if space.is_fitted:
        share = "" if kept is None else f", which keep {kept:.1%} of their squared length"
        axes = f"in the space of their {space.dimensions} principal components{share}"
        if space.dimensions == space.of:
            axes = "turned to their principal space, which changes no cosine"
    else:
        axes = f"cut to the first {space.dimensions}"
    text = (
        f"The student's vectors have {space.dimensions} dimensions and the teacher's {space.of}: "
        f"it learnt the teacher's vectors {axes}. Drop-in overlap and cosine are against the "
        f"teacher's vectors so projected, by {PROJECTION} beside the student and every export; "
        "neighbour overlap is against its full vectors."
    )
    return {
        "dimensions": space.dimensions,
        "teacher_dimensions": space.of,
        "axes": space.axes,
        "kept": kept,
        "text": text,
    }
