"""Rivals on real digits and small texts: chosen, trained, saved and read back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from understudy.errors import DamagedError, RequestError
from understudy.evaluation import rivals
from understudy.evaluation.predictor import ask
from understudy.evaluation.rivals import (
    chosen_kinds,
    most_rows,
    pixels,
    stratified,
    train_rivals,
)


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    return {"image": found.images.astype(np.uint8)[..., None]}, found.target.astype(np.int64)


@pytest.fixture(scope="module")
def trained(digits):
    inputs, labels = digits
    return train_rivals("auto", inputs, labels, classes=10, rows_cap=1000)


@pytest.fixture(scope="module")
def orders():
    """Texts whose class is told by one word among others, two parts each."""
    generator = np.random.default_rng(0)
    labels = np.arange(90) % 3
    goods, rest = (
        ("coffee", "bread", "tickets"),
        ("please", "today", "for me", "I want", "a", "now"),
    )
    texts = [f"{' '.join(generator.choice(rest, 3))} {goods[label]}\x1fthanks" for label in labels]
    return {"text": np.array(texts, dtype=object)}, labels


@pytest.fixture(scope="module")
def readers(orders):
    inputs, labels = orders
    return train_rivals("auto", inputs, labels, classes=4)


def test_rivals_answer_digits(digits, trained):
    inputs, labels = digits
    assert list(trained) == ["rival-linear", "rival-knn"]
    for name, rival in trained.items():
        assert rival.name == name
        assert rival.rows_used == 1000
        assert rival.seconds > 0
        answers = ask(rival, inputs, classes=10)
        assert (answers.classes == labels).mean() > 0.93


def test_sizes_count_every_number_kept(trained):
    linear = trained["rival-linear"]
    assert linear.parameters == 64 * 10 + 10 + 2 * 64
    assert linear.bytes == 4 * linear.parameters
    knn = trained["rival-knn"]
    assert knn.parameters == 64 + 64 * 50 + 1000 * 50 + 1000 + 1


def test_rivals_answer_texts(orders, readers):
    inputs, labels = orders
    assert list(readers) == ["rival-tfidf-svm", "rival-tfidf-linear"]
    for rival in readers.values():
        answers = ask(rival, inputs, classes=4)
        assert (answers.classes == labels).all()
        assert rival.rows_used == 90


@pytest.mark.parametrize("kind", ["tfidf-svm", "tfidf-linear"])
def test_a_saved_reader_answers_the_same_and_counts_what_lies_on_the_disk(
    tmp_path, orders, readers, kind
):
    inputs, _ = orders
    rival = readers[f"rival-{kind}"]
    rivals.save(rival, tmp_path)
    again = rivals.load(tmp_path)
    assert np.array_equal(again.predict(inputs), rival.predict(inputs))
    assert (again.parameters, again.bytes) == (rival.parameters, rival.bytes)
    sizes = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert sorted(sizes) == ["rival.json", "vocabulary.json", "weights.safetensors"]
    assert 0 < sizes["weights.safetensors"] + sizes["vocabulary.json"] - rival.bytes < 1000


@pytest.mark.parametrize("file", ["rival.json", "weights.safetensors", "vocabulary.json"])
def test_a_damaged_reader_is_said_to_be_one(tmp_path, readers, file):
    rivals.save(readers["rival-tfidf-svm"], tmp_path)
    (tmp_path / file).write_bytes(b"{")
    with pytest.raises(DamagedError, match="does not hold a saved rival"):
        rivals.load(tmp_path)


def test_a_vocabulary_of_other_weights_is_damage(tmp_path, readers):
    rivals.save(readers["rival-tfidf-svm"], tmp_path)
    (tmp_path / "vocabulary.json").write_text('{"words": ["coffee"]}')
    with pytest.raises(DamagedError, match="does not hold a saved rival"):
        rivals.load(tmp_path)


def test_of_long_texts_fewer_are_used(monkeypatch, orders):
    inputs, labels = orders
    monkeypatch.setattr(rivals.tfidf, "CHARACTERS_CAP", sum(map(len, inputs["text"])) // 3)
    rival = train_rivals("tfidf-linear", inputs, labels, classes=4)["rival-tfidf-linear"]
    assert rival.rows_used == 30


@pytest.mark.parametrize("kind", ["linear", "knn"])
def test_a_saved_rival_answers_the_same(tmp_path, digits, trained, kind):
    inputs, _ = digits
    rival = trained[f"rival-{kind}"]
    rivals.save(rival, tmp_path / "rival")
    again = rivals.load(tmp_path / "rival")
    assert np.array_equal(again.predict(inputs), rival.predict(inputs))
    assert (again.name, again.rows_used, again.seconds, again.bytes) == (
        rival.name,
        rival.rows_used,
        rival.seconds,
        rival.bytes,
    )
    names = sorted(file.name for file in (tmp_path / "rival").iterdir())
    assert names == ["rival.json", "weights.safetensors"]


@pytest.mark.parametrize("file", ["rival.json", "weights.safetensors"])
def test_a_damaged_folder_is_said_to_be_one(tmp_path, trained, file):
    rivals.save(trained["rival-linear"], tmp_path)
    (tmp_path / file).write_bytes(b"{")
    with pytest.raises(DamagedError, match="does not hold a saved rival"):
        rivals.load(tmp_path)


def test_a_seed_gives_the_same_rivals(digits, trained):
    inputs, labels = digits
    again = train_rivals(["linear"], inputs, labels, classes=10, rows_cap=1000)
    arrays = trained["rival-linear"].arrays
    assert all(np.array_equal(again["rival-linear"].arrays[name], arrays[name]) for name in arrays)


def test_names_choose_kinds():
    assert chosen_kinds("auto") == ("linear", "knn")
    assert chosen_kinds("none") == ()
    assert chosen_kinds("knn") == ("knn",)
    assert chosen_kinds(["knn", "linear", "knn"]) == ("knn", "linear")
    assert chosen_kinds("auto", ("text",)) == ("tfidf-svm", "tfidf-linear")
    assert chosen_kinds("none", ("text",)) == ()
    assert chosen_kinds(["tfidf-svm"], ("image", "text")) == ("tfidf-svm",)


def test_more_texts_than_images_are_learnt_from():
    assert most_rows(("image",)) == rivals.ROWS_CAP < most_rows(("text",)) == rivals.TEXTS_CAP


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(RequestError, match="no rival 'linaer' for images; did you mean 'linear'"):
        chosen_kinds(["linaer"])
    with pytest.raises(RequestError, match="no rival 'linear' for texts; did you mean 'tfidf-lin"):
        chosen_kinds("linear", ("text",))


def test_one_class_is_refused(digits):
    inputs, labels = digits
    with pytest.raises(RequestError, match="rivals need training rows of at least two classes"):
        train_rivals("auto", inputs, np.where(labels == 3, 3, -1), classes=10)
    assert train_rivals("none", inputs, np.full(len(labels), -1), classes=10) == {}


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=80), st.integers(1, 60))
def test_samples_are_stratified(labels, cap):
    labels = np.array(labels)
    rows = stratified(labels, cap, seed=0)
    labelled = (labels >= 0).sum()
    assert len(rows) == len(set(rows.tolist())) == min(cap, labelled)
    assert (labels[rows] >= 0).all()
    for label in range(5):
        share = (labels == label).sum() * len(rows) / max(labelled, 1)
        assert abs((labels[rows] == label).sum() - share) <= 1


def test_small_images_are_flattened_and_large_ones_averaged():
    small = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    assert np.array_equal(pixels(small), small.reshape(2, -1))
    large = np.random.default_rng(0).integers(0, 256, (2, 65, 70, 3)).astype(np.uint8)
    found = pixels(large).reshape(2, 21, 23, 3)
    np.testing.assert_allclose(found[1, 2, 4], large[1, 6:9, 12:15].mean(axis=(0, 1)), rtol=1e-6)


def test_a_strip_is_averaged_over_its_whole_height():
    strip = np.arange(320, dtype=np.float32).reshape(1, 2, 160, 1)
    found = pixels(strip)
    assert found.shape == (1, 32)
    assert found[0, 0] == pytest.approx(strip[0, :, :5].mean())
