"""A finished run on scanned digits, made up but of a piece: counts, rates and intervals agree."""

import base64
import copy
import io
import math

import pytest

from understudy.report import Example, Material

ROWS = 540
SIZES = {  # parameters, bytes, p50 and p95 in ms, rows a second, MB
    "teacher": (1_198_922, 4_801_324, 0.94, 1.21, 8_240, 31.4),
    "control": (2_410, 10_664, 0.112, 0.149, 412_000, 1.9),
    "student": (2_410, 10_664, 0.111, 0.147, 415_300, 1.9),
    "rival-linear": (650, 3_412, 0.046, 0.071, 1_210_000, 0.8),
    "rival-knn": (None, 322_904, 0.71, 0.93, 21_400, None),
    "onnx": (2_410, 11_893, 0.013, 0.019, 1_630_000, 2.6),
}
WRONG = {"teacher": 10, "control": 21, "student": 14, "rival-linear": 20, "rival-knn": 11}
WRONG["onnx"] = WRONG["student"]
FLIPS = {  # harmful, helpful, inherited
    "control": (15, 4, 3),
    "student": (7, 3, 5),
    "onnx": (7, 3, 5),
    "rival-linear": (15, 5, 3),
    "rival-knn": (7, 6, 2),
}
MISTAKES = {
    "student": {(8, 1): 4, (9, 3): 2, (3, 5): 2, (4, 7): 1, (5, 9): 2, (8, 3): 1, (1, 8): 2},
    "control": {(8, 1): 6, (9, 3): 3, (3, 5): 3, (4, 7): 2, (5, 9): 3, (8, 9): 2, (1, 8): 2},
    "teacher": {(8, 1): 3, (9, 3): 2, (3, 5): 1, (4, 7): 1, (5, 9): 2, (1, 8): 1},
}
WHY = (
    "Ship, since every requirement holds for onnx; the student keeps 99.2% of the teacher's "
    "accuracy; it is better than the control, which saw labels only (+0.0130, +0.0019 to +0.0241); "
    "it recovers 64% of the gap between control and teacher (17% to 100%)."
)


def _interval(right):
    value = right / ROWS
    half = 1.96 * math.sqrt(value * (1 - value) / ROWS)
    return {"value": value, "low": value - half, "high": min(1.0, value + half)}


def _model(name):
    parameters, size, p50, p95, rate, memory = SIZES[name]
    quality = _interval(ROWS - WRONG[name])
    return {
        "quality": {"accuracy": quality, "macro_f1": {**quality, "value": quality["value"] - 1e-3}},
        "parameters": parameters,
        "bytes": size,
        "latency_ms": {"p50": p50, "p95": p95},
        "throughput_per_s": rate,
        "best_batch": 128,
        "threads": 1,
        "peak_memory_mb": memory,
        "calibration": {"ece": 0.004 + WRONG[name] / 2000, "brier": WRONG[name] / 700, "bins": []},
        "cost_per_million": 0.10 / rate / 3600 * 1e6,
    }


def _beside(name, other, p_value):
    value = (WRONG[other] - WRONG[name]) / ROWS
    return {
        "difference": {"value": value, "low": value - 0.0111, "high": value + 0.0111},
        "p_value": p_value,
    }


def _comparison(name):
    harmful, helpful, inherited = FLIPS[name]
    gap = (WRONG["control"] - WRONG[name]) / (WRONG["control"] - WRONG["teacher"])
    found = {
        "kl": 0.021 + WRONG[name] / 300,
        "quality_retained": (ROWS - WRONG[name]) / (ROWS - WRONG["teacher"]),
        "recovered_gap": {"value": gap, "low": gap - 0.47, "high": gap + 0.36, "reason": None},
        "agreement": 1 - (harmful + helpful + 1) / ROWS,
        "harmful_flips": harmful / ROWS,
        "helpful_flips": helpful / ROWS,
        "inherited_errors": inherited / ROWS,
        "inherited_share": inherited / WRONG["teacher"],
        **_beside(name, "teacher", 0.34),
        "size_ratio": SIZES["teacher"][1] / SIZES[name][1],
        "speedup": SIZES["teacher"][2] / SIZES[name][2],
    }
    if name != "control":
        found["control"] = _beside(name, "control", 0.021)
    if name not in ("control", "student"):
        found["student"] = _beside(name, "student", 0.26 if WRONG[name] < 15 else 0.031)
    return found


CARD = {
    "schema": 1,
    "task": "image-classification",
    "metric": "accuracy",
    "direction": "higher",
    "rows": ROWS,
    "price_per_hour": 0.10,
    "models": {name: _model(name) for name in SIZES},
    "comparison": {name: _comparison(name) for name in FLIPS},
    "slices": [
        {"column": "scanner", "value": "A", "rows": 391, "teacher": 0.987, "control": 0.969}
        | {"student": 0.982, "small": False},
        {"column": "scanner", "value": "B", "rows": 127, "teacher": 0.976, "control": 0.953}
        | {"student": 0.961, "small": False},
        {"column": "scanner", "value": None, "rows": 22, "teacher": 0.909, "control": 0.864}
        | {"student": 0.909, "small": True},
    ],
    "data": {
        "rows": 1797,
        "train_rows": 1131,
        "validation_rows": 126,
        "test_rows": ROWS,
        "unlabelled": 0,
        "classes": 10,
        "duplicates": 2,
        "leaked_test_rows": 1,
        "suspect_labels": 2,
        "findings": [
            {"kind": "duplicates", "count": 2, "text": "2 rows repeat an earlier one of 1797"},
            {
                "kind": "leaked_test_rows",
                "count": 1,
                "text": "1 of 540 test rows are in train too: the quality on them is not that on "
                "new rows",
            },
        ],
    },
    "knowledge": {
        "mode": "stored",
        "rows": 1797,
        "views": 1,
        "bytes": 71_880,
        "bytes_per_row": 40.0,
        "codec": "fp32",
        "teach_seconds": 0.42,
        "reused": False,
    },
    "requirements": [
        {"rule": "quality_retained >= 0.97", "model": "onnx", "value": 526 / 530, "passed": True},
        {"rule": "size_ratio >= 20", "model": "onnx", "value": 403.7, "passed": True},
        {"rule": "latency_p95_ms <= 5", "model": "onnx", "value": 0.019, "passed": True},
    ],
    "conditions": {"threads": 1, "batch": 128, "processor": "a processor of two cores"},
    "timings": {"rows": 0.31, "teacher": 38.2, "knowledge": 0.42, "student": 9.7, "control": 9.1},
    "verdict": "ship",
    "why": WHY,
    "advice": [],
}


def _curve(epochs, loss, end, rate):
    return [
        {
            "epoch": epoch,
            "loss": loss * math.exp(-epoch / rate) + 0.02,
            "validation": end - 0.6 * math.exp(-epoch / rate) + 0.004 * math.sin(epoch * 1.7),
        }
        for epoch in range(1, epochs + 1)
    ]


def _bins(shift):
    confidences = [0.56, 0.79, 0.9, 0.955, 0.975, 0.985, 0.99, 0.993]
    confidences += [0.995, 0.996, 0.997, 0.998, 0.9985, 0.999, 0.9995]
    return [(said, min(1.0, said + shift * (1 - said)), 36) for said in confidences]


def _confusion(mistakes):
    counts = [[54 if label == answer else 0 for answer in range(10)] for label in range(10)]
    for (label, answer), rows in mistakes.items():
        counts[label][label] -= rows
        counts[label][answer] += rows
    return counts


def _pictures(numbers):
    from PIL import Image
    from sklearn.datasets import load_digits

    images = load_digits().images
    for number in numbers:
        file = io.BytesIO()
        Image.fromarray((255 - images[number] * 15.9).astype("uint8")).save(file, "png")
        yield file.getvalue()


def _examples():
    told = [
        ("harmful flip", 5, "5", {"teacher": ("5", 0.81), "control": ("9", 0.66)}, ("9", 0.52)),
        ("harmful flip", 8, "8", {"teacher": ("8", 0.93), "control": ("8", 0.58)}, ("1", 0.61)),
        ("harmful flip", 9, "9", {"teacher": ("9", 0.77), "control": ("3", 0.71)}, ("3", 0.49)),
        ("helpful flip", 3, "3", {"teacher": ("5", 0.54), "control": ("3", 0.44)}, ("3", 0.57)),
        ("inherited error", 1, "1", {"teacher": ("8", 0.88), "control": ("1", 0.5)}, ("8", 0.79)),
        ("inherited error", 18, "8", {"teacher": ("1", 0.91), "control": ("1", 0.8)}, ("1", 0.83)),
        ("suspect label", 37, "9", {"teacher": ("5", 0.97)}, None),
        ("duplicate", 40, "1", {}, None),
    ]
    pictures = _pictures(row for _, row, *_ in told)
    for (kind, row, label, answers, student), picture in zip(told, pictures, strict=True):
        said = answers if student is None else {**answers, "student": student}
        yield Example(kind, row, label, said, picture)


def _vectors(noises):
    """Vectors of texts that mean something, blurred by each model; all but the teacher from it."""
    import numpy as np

    generator = np.random.default_rng(0)
    documents = generator.normal(size=(120, 16))
    asked = documents[:40] + 0.9 * generator.normal(size=(40, 16))
    teacher = np.vstack([asked, documents]) + 0.4 * generator.normal(size=(160, 16))
    return {
        name: (teacher + noise * generator.normal(size=teacher.shape)).astype(np.float32)
        for name, noise in noises.items()
    }


def _embedding_card(test, **rest):
    from understudy.evaluation import embeddings
    from understudy.evaluation.scorecard import Facts, conclude
    from understudy.evaluation.speed import Speed

    sizes = {"teacher": (22_713_216, 90.9e6), "student": (3_906_000, 15.6e6), "onnx": (None, 4.1e6)}
    speeds = {"teacher": 8.4, "student": 0.11, "onnx": 0.14}
    vectors = _vectors({"teacher": 0.0, "student": 0.8, "onnx": 0.9})
    evidence = embeddings.EmbeddingEvidence(
        task="text-embedding",
        test=test,
        vectors=vectors,
        facts={name: Facts(numbers, int(size)) for name, (numbers, size) in sizes.items()},
        speeds={
            name: Speed(p50, 1.2 * p50, 1400 / p50, 128, 1, 200) for name, p50 in speeds.items()
        },
        data={"rows": 809, "test_rows": 40},
        resamples=100,
        **rest,
    )
    return conclude(embeddings.build(evidence), [])


def _embedding_material(title, card, examples):
    recipe = "task: text-embedding\n"
    usage = "print('hello')\n"
    return Material(title, card, {}, {}, {}, examples, usage, recipe, {"understudy": "0.1.0"})


CLAIM = "0-dimensional biomaterials show inductive properties."
FOUND = "New opportunities: the use of nanotechnologies to manipulate and track stem cells. "
OTHER = "Microstructural development of human newborn cerebral white matter."
SEARCH_EXAMPLES = (
    Example(
        "lost query",
        3,
        FOUND * 5,
        {"teacher": (FOUND, None), "student": (OTHER, None)},
        text=CLAIM,
        right={"teacher": True, "student": False},
    ),
    Example(
        "won query",
        8,
        OTHER,
        {"teacher": ("not among ten", None), "student": (OTHER, None)},
        text="Cerebral white matter & <its> development",
        right={"teacher": False, "student": True},
    ),
    *(
        Example("worst match", row, "", {"student": (f"cosine {cosine}", None)}, text=said)
        for row, cosine, said in ((19, 0.31, CLAIM), (7, 0.35, OTHER), (11, 0.36, FOUND * 9))
    ),
)


@pytest.fixture(scope="session")
def search_material():
    """The report of a search: vectors, a rival that has rankings only, and no control."""
    import numpy as np

    from understudy.evaluation.gold import Search
    from understudy.evaluation.retrieval import Judgements, nearest

    queries = np.arange(40)
    test = Search(queries, 40 + np.arange(120), Judgements(queries, queries, np.ones(40)))
    rough = _vectors({"rival": 1.6})["rival"][:, :9]
    rankings = {"rival-bm25": nearest(rough[:40], rough[40:], 100)}
    card = _embedding_card(test, rankings=rankings)
    return _embedding_material("scifact", card, SEARCH_EXAMPLES)


@pytest.fixture(scope="session")
def pairs_material():
    """The report of scored pairs."""
    import numpy as np

    from understudy.evaluation.gold import Pairs
    from understudy.evaluation.retrieval import cosine

    generator = np.random.default_rng(2)
    first, second = np.arange(160), generator.permutation(160)
    meant = _vectors({"gold": 0.2})["gold"]
    gold = cosine(meant[first], meant[second]) + 0.1 * generator.normal(size=160)
    card = _embedding_card(Pairs(first, second, gold))
    return _embedding_material("stsb", card, SEARCH_EXAMPLES[2:])


USAGE = """\
import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
images = np.zeros((1, 8, 8, 1), dtype=np.uint8)      # [rows, height, width, channels]
(logits,) = session.run(["logits"], {"image": images})
print(logits.argmax(axis=1))
"""
RECIPE = """\
task: image-classification
data:
  train: sklearn:digits
  test_share: 0.3
teacher:
  train: cnn-large
student: mlp-32
objective:
- soft_labels: {temperature: 4.0, weight: 0.9}
- hard_labels: {weight: 0.1}
training: {epochs: 200, batch_size: 64, learning_rate: 0.01, seed: 0}
export: [onnx]
require:
- quality_retained >= 0.97
- size_ratio >= 20
- latency_p95_ms <= 5
"""


@pytest.fixture
def card():
    """A scorecard that a test may change."""
    return copy.deepcopy(CARD)


@pytest.fixture(scope="session")
def examples():
    return tuple(_examples())


@pytest.fixture
def material(card, examples):
    """Everything that the report of the run shows; its scorecard is `card`."""
    return Material(
        title="digits",
        scorecard=card,
        curves={
            "teacher": _curve(20, 2.1, 0.985, 2.2),
            "student": _curve(200, 1.4, 0.976, 11.0),
            "control": _curve(200, 2.2, 0.962, 9.0),
        },
        reliability={"teacher": _bins(0.1), "control": _bins(-0.3), "student": _bins(0.5)},
        confusion={name: _confusion(mistakes) for name, mistakes in MISTAKES.items()},
        examples=examples,
        usage=USAGE,
        recipe=RECIPE,
        environment={
            "understudy": "0.1.0",
            "python": "3.11.14",
            "torch": "2.13.0+cpu",
            "onnxruntime": "1.32.0",
            "processor": "a processor of two cores",
        },
        classes=tuple("0123456789"),
    )


@pytest.fixture
def png():
    """A PNG of one grey pixel."""
    return base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="
    )
