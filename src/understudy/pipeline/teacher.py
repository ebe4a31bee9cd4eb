"""Second step: the teacher that a recipe names, loaded or trained."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.errors import RequestError
from understudy.files import content_key, locked, write_json
from understudy.pipeline.learning import (
    MISFITS,
    Candidate,
    candidate,
    labels_alone,
    learn,
    lesson_key,
)
from understudy.pipeline.outside import outside_teacher
from understudy.pipeline.workspace import sweep
from understudy.recipe.schema import Ensembled, Given, Trained
from understudy.tasks.lists import Lists
from understudy.tasks.reading import Tokenised

if TYPE_CHECKING:
    from torch import nn

    from understudy.pipeline.workspace import Workspace
    from understudy.students.tokens import Tokens
    from understudy.tasks import Prepared, Task
    from understudy.tasks.reading import Reading
    from understudy.teachers import NetworkTeacher, Teacher

LEARNT = "learnt.json"
"""Says that a teacher is trained; what its training gave."""
PICKLES = (".pt", ".pth", ".th", ".bin", ".pkl", ".pickle", ".ckpt", ".joblib")


@dataclass(frozen=True)
class Found:
    """A teacher, and what the report says of it; `folder` where it can be loaded from again."""

    teacher: Teacher
    parameters: int | None = None
    bytes: int | None = None
    folder: Path | None = None
    curve: tuple[Mapping[str, float], ...] = ()


@dataclass(frozen=True)
class Search:
    """All that finding a teacher needs."""

    task: Task
    prepared: Prepared
    workspace: Workspace
    allow_code: bool = False
    made: dict[int, Candidate] = field(default_factory=dict)
    """Teachers that are to be trained, by the identity of what asks for them."""

    def find(self, spec: Any) -> Found:
        """The teacher that a recipe names, held against the classes of the data.

        Raises: RequestError where it cannot be loaded, or does not fit the data.
        """
        from torch import nn

        if isinstance(spec, Ensembled):
            found = self._ensemble(spec)
        elif isinstance(spec, Trained):
            found = self._trained(spec)
        elif isinstance(spec, str | nn.Module | Given):
            found = self._given(spec if isinstance(spec, Given) else Given(spec))
        elif hasattr(spec, "answer") and hasattr(spec, "fingerprint"):
            found = Found(spec)
        elif hasattr(spec, "predict_proba") or hasattr(spec, "decision_function"):
            from understudy.teachers.estimator import Estimator

            found = Found(Estimator(spec, several=self.task.several))
        else:
            raise RequestError(
                f"a {type(spec).__name__} is no teacher; give a torch.nn.Module, a model folder, "
                "{train: PRESET}, {ensemble: [...]}, or an object with `fingerprint` and `answer`"
            )
        refuse_other_classes(found.teacher, self.prepared, self.task.inputs)
        return found

    def _ensemble(self, spec: Ensembled) -> Found:
        from understudy.teachers import Ensemble

        if self.task.gives != "logits":
            raise RequestError(
                f"teacher.ensemble averages the probabilities of classes, and {self.task.name} has "
                "none; give one teacher"
            )
        members = [self.find(member) for member in spec.ensemble]
        return Found(
            Ensemble(tuple(member.teacher for member in members), spec.weights, self.task.several),
            _total([member.parameters for member in members]),
            _total([member.bytes for member in members]),
        )

    def _trained(self, spec: Trained) -> Found:
        """Trained on the labels, once for these rows and settings, and kept in the cache."""
        from understudy.tasks.folders import load_network

        made = self.apprentice(spec)
        folder = self.home(made, spec)
        key = folder.name

        def make() -> dict[str, Any]:
            with locked(folder, f"another process trains the same teacher in {folder}; wait"):
                if (folder / LEARNT).is_file():
                    return dict(json.loads((folder / LEARNT).read_text()))
                sweep(folder)
                facts = learn(
                    made,
                    self.task,
                    labels_alone(made.reading.over(self.prepared), made.reading.columns),
                    spec.training,
                    key=key,
                    folder=folder,
                    checkpoint=folder / "checkpoint.safetensors",
                    emit=lambda record: self.workspace.emit({"model": "teacher", **record}),
                )
                write_json(folder / LEARNT, facts)
                return facts

        facts = self.workspace.step(f"teacher-{key[:8]}", key, make, folder / LEARNT)
        own = copy.deepcopy(spec.train) if made.is_given else None
        network = load_network(folder, module=own, allow_code=self.allow_code)
        place = None if made.is_given else folder
        return replace(
            self._found(network, self.prepared.facts.classes, place, made.reading),
            bytes=facts["bytes"],
            curve=tuple(facts["curve"]),
        )

    def apprentice(self, spec: Trained) -> Candidate:
        """The network that is to become the teacher, untrained."""
        if id(spec) not in self.made:
            made = candidate(
                spec.train,
                self.task,
                self.prepared,
                spec.training.seed,
                allow_code=self.allow_code,
                dropout=spec.dropout,
            )
            self.made[id(spec)] = frozen(made) if spec.frozen else made
        return self.made[id(spec)]

    def untaught(self, spec: Trained) -> NetworkTeacher:
        """The network that is to become the teacher, as something to start from."""
        from understudy.teachers import NetworkTeacher

        made = self.apprentice(spec)
        network = self.task.network(made.fresh(), self.prepared.facts.form)
        return NetworkTeacher(network, reading=made.reading)

    def home(self, made: Candidate, spec: Trained) -> Path:
        """Where a teacher that runs train is kept; its name is the key of all that makes it."""
        key = lesson_key(made, self.prepared.key, spec.training)
        return self.workspace.cache / "teachers" / key

    def untrained(self, spec: Any) -> list[tuple[Trained, Candidate]]:
        """The teachers that would have to be trained first, with their networks."""
        if isinstance(spec, Ensembled):
            return [found for member in spec.ensemble for found in self.untrained(member)]
        if not isinstance(spec, Trained):
            return []
        made = self.apprentice(spec)
        is_there = (self.home(made, spec) / LEARNT).is_file()
        return [] if is_there else [(spec, made)]

    def _given(self, spec: Given) -> Found:
        from torch import nn

        if isinstance(spec.model, nn.Module):
            body = copy.deepcopy(spec.model).cpu()
            return self._found(self._network(body, spec, {}), spec.classes, None)
        path = Path(spec.model).expanduser()
        for folder in (path, path / "student"):
            if (folder / "understudy.json").is_file():
                return self._saved(folder)
        return self._foreign(spec, path)

    def _saved(self, folder: Path) -> Found:
        from understudy.tasks.folders import load_network, load_reading, read_facts

        network = load_network(folder, allow_code=self.allow_code)
        return self._found(network, read_facts(folder).classes, folder, load_reading(folder))

    def _foreign(self, spec: Given, path: Path) -> Found:
        """A Transformers model, or what the user's own function makes."""
        from understudy.students.blueprint import call_for_network
        from understudy.students.hugging_face import (
            named_classes,
            preprocessing,
            trained_classifier,
        )

        _refuse_pickles(spec.model)
        outside = outside_teacher(spec, path, self.task, self.prepared)
        if outside is not None:
            return Found(outside[0], None, outside[1])
        if path.is_file():
            raise RequestError(
                f"teacher: '{spec.model}' is a file; give the folder that holds the model's config "
                "and weights, an .onnx file, or a .skops file"
            )
        if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", spec.model):
            body = call_for_network(spec.model, self.allow_code)
            return self._found(self._network(body, spec, {}), spec.classes, None)
        if not path.exists() and not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", spec.model):
            raise RequestError(
                f"teacher: '{spec.model}' does not exist; give a model folder, a hub id, "
                "'package.module:function', {train: PRESET} or {ensemble: [...]}"
            )
        source = str(path) if path.exists() else spec.model
        if "text" in self.task.inputs:
            return self._text_model(source, spec)
        body = trained_classifier(source)
        network = self._network(body, spec, preprocessing(source) or {})
        return self._found(network, spec.classes or named_classes(body), None)

    def _text_model(self, source: str, spec: Given) -> Found:
        """A Transformers classifier of texts, with its own tokenizer."""
        from understudy.students.hugging_face import named_classes
        from understudy.students.text_transformers import trained_text_classifier
        from understudy.students.tokens import read_tokens

        reading = Tokenised(read_tokens(source, self.prepared.facts.form["tokens"]))
        if self.task.gives == "embedding":
            from understudy.students.sentence_folders import read_encoder

            return self._found(read_encoder(source), None, None, reading)
        if self.task.gives == "scores":
            return self._scorer(source, reading.tokens)
        body = trained_text_classifier(source)
        return self._found(body, spec.classes or named_classes(body), None, reading)

    def _scorer(self, source: str, tokens: Tokens) -> Found:
        """A cross-encoder, or an encoder whose vectors are compared."""
        from understudy.students.scoring import kind_of_folder
        from understudy.students.sentence_folders import read_encoder
        from understudy.students.text_transformers import trained_text_classifier

        if kind_of_folder(source) != "cosine":
            body = trained_text_classifier(source)
            numbers = body.model.config.num_labels
            if numbers != 1:
                raise RequestError(
                    f"teacher: '{source}' answers {numbers} classes; a reranker gives one score: "
                    "give a cross-encoder with one output, or an encoder of sentences"
                )
            network = self.task.network(body, self.prepared.facts.form)
            return self._found(network, None, None, Lists(tokens, apart=False))
        network = self.task.network(read_encoder(source), self.prepared.facts.form)
        return self._found(network, None, None, Lists(tokens, apart=True))

    def _network(self, body: nn.Module, spec: Given, own: Mapping[str, Any]) -> nn.Module:
        """The body behind the preprocessing that was stated, its own, or that of the data."""
        stated = {
            name: value
            for name, value in (("mean", spec.mean), ("std", spec.std), ("size", spec.size))
            if value is not None
        }
        return self.task.network(body, {**self.prepared.facts.form, **own, **stated})

    def _found(
        self,
        network: nn.Module,
        classes: tuple[str, ...] | None,
        folder: Path | None,
        reading: Reading | None = None,
    ) -> Found:
        from understudy.teachers import NetworkTeacher

        weights = list(network.parameters())
        return Found(
            NetworkTeacher(network, classes, reading, self.task.gives),
            sum(weight.numel() for weight in weights),
            sum(weight.numel() * weight.element_size() for weight in weights),
            folder,
        )


def frozen(made: Candidate) -> Candidate:
    """The same network, of which the head alone will learn.

    Raises: RequestError where it is no encoder with a head.
    """
    from understudy.students.sentence_classifier import SentenceClassifier

    def fresh() -> nn.Module:
        body = made.fresh()
        if not isinstance(body, SentenceClassifier):
            raise RequestError(
                "teacher.frozen is true, but what is trained is no encoder of "
                "sentence-transformers with a new head; leave it out"
            )
        body.encoder.requires_grad_(False)
        return body

    fresh()
    return replace(made, fresh=fresh, identity=content_key([made.identity, "frozen"]))


def refuse_other_classes(teacher: Teacher, prepared: Prepared, inputs: tuple[str, ...]) -> None:
    """Ask two rows, and raise RequestError unless the teacher answers the classes of the data."""
    from understudy.teachers.teaching import gives_of, probe

    classes, gives = prepared.facts.classes, gives_of(prepared)
    try:
        width = probe(teacher, prepared, inputs)[gives].shape[-1]
    except MISFITS as error:
        shape = " x ".join(map(str, prepared.facts.form.get("shape", ("texts",))))
        raise RequestError(
            f"the teacher cannot read these inputs ({shape}): {str(error).splitlines()[0]}"
        ) from error
    if gives != "logits":
        return
    if width != len(classes):
        raise RequestError(
            f"the teacher answers {width} classes, but the data have {len(classes)}: "
            f"{', '.join(classes[:20])}; give a teacher of these classes, or set data.classes"
        )
    known = teacher.classes
    if known and known != classes and set(known) == set(classes):
        raise RequestError(
            f"the teacher's classes stand in another order than the data's: [{', '.join(known)}] "
            f"against [{', '.join(classes)}]; set data.classes to the teacher's order"
        )


def _total(numbers: list[int | None]) -> int | None:
    return None if None in numbers else sum(number or 0 for number in numbers)


def _refuse_pickles(name: str) -> None:
    if name.lower().endswith(PICKLES):
        raise RequestError(
            f"teacher: '{name}' is a pickle, which can run code when it is opened; save the "
            "weights as safetensors in a model folder, or give 'package.module:function' that "
            "builds and loads the model, with --allow-code"
        )
