"""Teachers that are no networks of torch, by the names that a recipe gives them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from understudy.errors import RequestError
from understudy.pipeline.outside import outside_teacher
from understudy.recipe.schema import Given
from understudy.tasks import task_named

PREPARED: Any = SimpleNamespace(facts=SimpleNamespace(classes=("no", "yes"), form={"tokens": 16}))
TEXTS = task_named("text-classification")


def made(name: str, task: Any = TEXTS, **stated: Any) -> Any:
    return outside_teacher(Given(name, **stated), Path(name), task, PREPARED)


@pytest.mark.parametrize("name", ["./folder", "owner/name", "module:function"])
def test_other_names_mean_other_teachers(name: str):
    assert made(name) is None


def test_an_endpoint_picks_from_the_classes_of_the_data():
    teacher, size = made("openai:http://localhost:1/v1#model")
    assert (teacher.classes, size) == (("no", "yes"), None)


def test_a_skops_file_is_an_estimator(tmp_path: Path):
    skops = pytest.importorskip("skops.io")
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    texts = ["good film", "bad film", "good one", "bad one"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ["yes", "no"] * 2)
    path = tmp_path / "teacher.skops"
    skops.dump(model, path)
    teacher, size = made(str(path))
    assert size == path.stat().st_size
    logits = teacher.answer({"text": np.array(texts, dtype=object)})["logits"]
    assert logits.argmax(1).tolist() == [1, 0, 1, 0]
    renamed, _ = made(str(path), classes=("negative", "positive"))
    assert renamed.classes == ("negative", "positive")


@pytest.mark.parametrize(
    ("name", "task", "sentence"),
    [
        ("gone.onnx", TEXTS, "does not exist"),
        ("gone.skops", TEXTS, "does not exist"),
        ("openai:http://h/v1#m", task_named("image-classification"), "reads texts"),
        ("openai:http://h/v1#m", task_named("text-embedding"), "tells classes apart"),
        ("a.onnx", task_named("text-embedding"), "tells classes apart"),
    ],
)
def test_what_cannot_serve_is_refused(name: str, task: Any, sentence: str):
    with pytest.raises(RequestError, match=sentence):
        made(name, task)
