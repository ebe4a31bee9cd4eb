"""Which hidden features a recipe's objective reads, and of which networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError
from understudy.pipeline.spaces import is_fitted

if TYPE_CHECKING:
    from understudy.objectives import Objective
    from understudy.pipeline.distilling import Production
    from understudy.teachers import NetworkTeacher, Teacher


@dataclass(frozen=True)
class Features:
    """An objective whose pairs of places are settled, and what it reads inside the teacher."""

    objective: Objective
    paths: tuple[str, ...] = ()
    """Module paths of the teacher."""
    pool: int | None = None
    numbers_per_row: int = 0

    def tapped(self, teacher: Teacher) -> Teacher:
        """The teacher, giving these features too."""
        from understudy.teachers import NetworkTeacher, Tapped

        # That it is a network was seen when the paths were looked up.
        if self.paths and isinstance(teacher, NetworkTeacher):
            return Tapped(teacher, self.paths, self.pool)
        return teacher


def refuse_unrecorded(objective: Objective, gives: str = "logits") -> Objective:
    """The objective. Raises: RequestError where it reads what is not recorded of a teacher."""
    from understudy.objectives import recipe_name
    from understudy.objectives.adapters import TAP

    for part in objective.terms:
        for name in part.term.reads:
            if name not in (gives, "taps") and not name.startswith(TAP):
                raise RequestError(
                    f"objective: {recipe_name(type(part.term))} reads '{name}', which is not "
                    f"recorded of a teacher here; recorded are its {gives}, and hidden features by "
                    "module path"
                )
    return objective


def features_of(objective: Objective, production: Production) -> Features:
    """Settle 'auto' and try every pair, with the architectures alone: nothing is trained.

    Raises: RequestError where a path leads nowhere, features cannot be compared, or the teacher is
    not one network.
    """
    from understudy.objectives.adapters import TAP

    if objective.reads <= {production.task.gives}:
        return Features(objective)
    from understudy.teachers.teacher import as_tensors
    from understudy.teachers.teaching import probe
    from understudy.training.knowledge import Live
    from understudy.training.learner import learner_of
    from understudy.training.pairing import paired
    from understudy.training.step import Lesson

    prepared, task = production.prepared, production.task
    # Shapes decide; and what the teacher will have said may not be known yet.
    made = production.sketch if is_fitted(production) else production.student
    rows = made.reading.over(prepared)
    some = rows.inputs(prepared.splits["train"][:2], made.reading.columns)
    student = task.network(made.fresh(), prepared.facts.form)
    teacher = sketch_of(production)
    settled = paired(objective, student, teacher.network, as_tensors(some))
    names = sorted(name for name in settled.reads if name.startswith(TAP))
    paths = tuple(name.removeprefix(TAP) for name in names)
    features = Features(settled, paths, production.recipe.knowledge.pool)
    tapped = features.tapped(teacher)
    learner_of(student, Lesson(rows, made.reading.columns, Live(tapped, prepared), settled), seed=0)
    said = probe(tapped, prepared, task.inputs)
    return replace(features, numbers_per_row=sum(prod(said[name].shape[1:]) for name in names))


def sketch_of(production: Production) -> NetworkTeacher:
    """The teacher; or, while it is still to be trained, the network that will become it."""
    from understudy.recipe.schema import Ensembled
    from understudy.teachers import NetworkTeacher

    spec: Any = production.recipe.teacher
    if not isinstance(spec, Ensembled):
        untrained = production.search.untrained(spec)
        if untrained:
            return production.search.untaught(untrained[0][0])
        if isinstance(production.teacher.teacher, NetworkTeacher):
            return production.teacher.teacher
    raise RequestError(
        "hidden_features, and a student that starts from its teacher, need one network as teacher; "
        "an ensemble, or an object that only answers, has no layers to read"
    )
