"""Does distillation earn its keep? A recipe over five seeds, teacher, control and student each.

    python benchmarks/seeds.py digits
    python benchmarks/seeds.py examples/mnist.yaml --one-teacher

Every seed draws its own split (where the recipe has no test source), teacher, and students; with
`--one-teacher` split and teacher stay, and only the students' seed changes. Prints
test errors of each, and the recovered gap of the mean: (student - control) / (teacher - control).
Goals: half of the gap on digits with a student 20 times smaller; on MNIST fewer errors than the
control in every seed.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from understudy.evaluation.networks import TeacherPredictor
from understudy.evaluation.predictor import ask
from understudy.pipeline.asking import asked
from understudy.pipeline.distilling import Production
from understudy.pipeline.rooting import rooted
from understudy.pipeline.workspace import Workspace
from understudy.recipe.schema import Recipe, Trained
from understudy.teachers import NetworkTeacher


def seeded(recipe: Recipe, seed: int, *, one_teacher: bool) -> Recipe:
    """The recipe with this seed wherever one is used, or for its students alone."""
    if one_teacher:
        return replace(recipe, training=replace(recipe.training, seed=seed))
    assert isinstance(recipe.teacher, Trained)
    taught = replace(recipe.teacher.training, seed=seed)
    return replace(
        recipe,
        data=replace(recipe.data, split_seed=seed),
        teacher=replace(recipe.teacher, training=taught),
        training=replace(recipe.training, seed=seed),
    )


def errors(recipe: Recipe, folder: Path) -> tuple[dict[str, int], int, float]:
    """Test errors by model, the number of test rows, and how much smaller the student is."""
    production = Production(recipe, Workspace(folder))
    for name in ("student", "control"):
        production.trained(name)
    rows = production.prepared.splits["test"]
    inputs = production.prepared.inputs(rows, production.task.inputs)
    labels = production.prepared.labels[rows]
    models = {
        "teacher": production.teacher.teacher,
        "control": NetworkTeacher(production.network("control")),
        "student": NetworkTeacher(production.network("student")),
    }
    found = {
        name: int((ask(TeacherPredictor(name, model), inputs).classes != labels).sum())
        for name, model in models.items()
    }
    return found, len(rows), (production.teacher.parameters or 0) / production.student.parameters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--one-teacher", action="store_true")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    recipe, root, _ = asked(arguments.recipe, arguments.set, None, None)
    recipe = rooted(recipe, root)
    table = []
    print("| seed | teacher | control | student | test rows |\n|---|---|---|---|---|")
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            one = seeded(recipe, seed, one_teacher=arguments.one_teacher)
            found, rows, smaller = errors(one, Path(folder))
        table.append([found[name] for name in ("teacher", "control", "student")])
        print(f"| {seed} | {' | '.join(map(str, table[-1]))} | {rows} |", flush=True)
    teacher, control, student = np.mean(table, axis=0)
    print(f"| mean | {teacher:.1f} | {control:.1f} | {student:.1f} | {rows} |")
    gap = (control - student) / (control - teacher)
    better = sum(row[2] < row[1] for row in table)
    print(f"\nThe student is {smaller:.0f} times smaller, recovers {gap:.0%} of the gap,")
    print(f"and makes fewer errors than its control in {better} of {arguments.seeds} seeds.")


if __name__ == "__main__":
    main()
