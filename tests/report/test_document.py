"""The file itself: closed to the network, escaped, never broken by what is missing."""

import base64
import copy
import hashlib
import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from understudy.report import Example, Material, render, write
from understudy.report.document import HERE

NASTY = "<script>alert(1)</script>"
ESCAPED = "&lt;script&gt;alert(1)&lt;/script&gt;"
VOID = {"meta", "img", "path", "circle", "line", "rect", "polyline"}


class Reader(HTMLParser):
    """Collects tags, attributes and text, and checks that elements are closed in order."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.text = [], [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def test_the_file_is_written_whole_and_is_what_was_rendered(material, tmp_path):
    path = tmp_path / "run" / "report.html"
    write(material, path)
    assert path.read_text("utf-8") == render(material)
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    assert path.stat().st_size < 2_000_000


def test_text_that_cannot_be_encoded_does_not_lose_the_report(material, tmp_path):
    write(replace(material, title="half \ud800 pair"), tmp_path / "report.html")
    assert "half ? pair" in (tmp_path / "report.html").read_text("utf-8")


def test_the_same_run_gives_the_same_file(material):
    assert render(material) == render(material)


def test_nothing_is_fetched_and_nothing_runs(material):
    page = render(material)
    reader = Reader(page)
    assert not re.search(r"(https?:)?//[a-z]", page)
    assert not reader.all("script") + reader.all("link") + reader.all("iframe")
    assert all(image["src"].startswith("data:image/png;base64,") for image in reader.all("img"))
    for _, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]


def test_the_policy_allows_this_style_and_inline_pictures_only(material):
    page = render(material)
    style = re.search(r"<style>(.*?)</style>", page, re.S).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policies = [meta for meta in Reader(page).all("meta") if "http-equiv" in meta]
    assert policies[0]["content"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in style
    assert "@import" not in style


def test_headings_go_down_one_step_at_a_time_and_links_lead_somewhere(material):
    reader = Reader(render(material))
    levels = [int(tag[1]) for tag, _ in reader.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in reader.all("a")} <= set(ids)
    named = [attributes.get("aria-labelledby") for attributes in reader.all("section")]
    assert set(named) <= set(ids)


def _renamed(value):
    """The same tree with every text, and every name of a model, made nasty."""
    if isinstance(value, dict):
        keep = {"teacher", "control", "student"}
        models = any(key in value for key in ("onnx", "rival-knn"))
        return {
            key + NASTY if models and key not in keep else key: _renamed(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_renamed(item) for item in value]
    return value + NASTY if isinstance(value, str) else value


def test_whatever_comes_from_data_is_shown_and_never_runs(material, png):
    nasty = Material(
        title=NASTY,
        scorecard=_renamed(material.scorecard) | {"metric": "accuracy"},
        curves={NASTY: material.curves["student"]},
        reliability={NASTY: material.reliability["student"]},
        confusion={"student": [[3, 1], [0, 2]], NASTY: [[1]]},
        examples=[
            Example(kind, 1, NASTY, {NASTY: (NASTY, 0.5)}, png, f'"{NASTY}')
            for kind in ("harmful flip", NASTY)
        ],
        usage=NASTY,
        recipe=NASTY,
        environment={NASTY: NASTY},
        classes=(NASTY, "'\"&"),
    )
    page = render(nasty)
    reader = Reader(page)
    assert "<script" not in page
    assert page.count(ESCAPED) > 60
    assert not reader.all("script")
    shown = "".join(reader.text)
    for name in (f"onnx{NASTY}", f"rival-knn{NASTY}", f"ship{NASTY}"[4:], f"scanner{NASTY}"):
        assert name in shown
    labels = [attributes.get("aria-label") or "" for _, attributes in reader.tags]
    assert any(label.startswith(f"onnx{NASTY}: 97.4%") for label in labels)
    assert any(NASTY in image["alt"] for image in reader.all("img"))


@pytest.mark.parametrize(
    ("state", "label", "sign"),
    [
        ("ship", "Ship", "ship"),
        ("do not ship", "Do not ship", "stop"),
        ("no requirements", "No requirements", "open"),
        (None, "No verdict", "open"),
    ],
)
def test_the_verdict_is_said_in_words_and_by_the_shape_of_its_sign(
    material, card, state, label, sign
):
    card |= {"verdict": state, "why": None}
    page = render(material)
    heading = re.search(r"<h1.*?</h1>", page, re.S).group(0)
    assert "".join(Reader(heading).text).strip() == label
    assert f'class="state {sign}"' in heading
    assert re.search(f"<title>{label}: digits – Understudy report</title>", page)


def test_advice_shows_code_as_code(material, card):
    card["advice"] = ["Try `weight: auto` <b>."]
    assert "<code>weight: auto</code> &lt;b&gt;." in render(material)


def test_requirements_pass_and_fail_in_words(material, card):
    card["requirements"][1] |= {"passed": False, "value": 12.0}
    shown = " ".join("".join(Reader(render(material)).text).split())
    assert "Fail size_ratio >= 20of onnx 12×" in shown
    assert "Pass quality_retained >= 0.97of onnx 99.2%" in shown


def test_without_requirements_the_report_says_how_to_set_them(material, card):
    card["requirements"] = []
    assert "No rule was set." in render(material)


def _paths(tree, path=()):
    """Every place in a tree of dicts and lists."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from _paths(item, (*path, key))


def _changed(tree, path, change):
    changed = copy.deepcopy(tree)
    *way, last = path
    holder = changed
    for key in way:
        holder = holder[key]
    change(holder, last)
    return changed


CHANGES = {
    "null": lambda holder, key: holder.__setitem__(key, None),
    "gone": lambda holder, key: holder.pop(key),
    "a text": lambda holder, key: holder.__setitem__(key, "strange"),
    "a list": lambda holder, key: holder.__setitem__(key, [None]),
    "zero": lambda holder, key: holder.__setitem__(key, 0),
    "not finite": lambda holder, key: holder.__setitem__(key, float("nan")),
}
EACH = int(os.environ.get("UNDERSTUDY_REPORT_STRIDE", "12"))
"""Of how many fields one is changed, another for every change; 1 tries them all, in a minute."""


@pytest.mark.parametrize("change", CHANGES)
def test_no_field_of_the_scorecard_is_needed(material, card, change):
    places = list(_paths(card))
    assert len(places) > 200
    for path in places[hash_of(change) % EACH :: EACH]:
        page = render(replace(material, scorecard=_changed(card, path, CHANGES[change])))
        shown = page[page.index("<body") :]
        assert not re.search(r"\b(nan|None|inf)\b", shown), path


def hash_of(text):
    """The same for the same text in every process."""
    return sum(map(ord, text))


@pytest.mark.parametrize("kind", ["search_material", "pairs_material"])
def test_a_report_of_vectors_speaks_of_no_classes(request, kind):
    found = request.getfixturevalue(kind)
    page = render(found)
    shown = " ".join("".join(Reader(page).text).split())
    for word in ("calibration", "Confusion", "ECE", "Brier", "Label", "confidence", "None", "nan"):
        assert not re.search(rf"\b{word}\b", shown), word
    assert "Worst matches 3 shown" in shown
    assert "cosine 0.31" in shown
    assert "predictions.parquet and neighbours.parquet" in shown


def test_texts_of_a_search_are_shown_and_never_run(search_material, png):
    examples = [
        replace(example, text=NASTY, label=NASTY, answers={"student": (NASTY, None)})
        for example in search_material.examples
    ]
    page = render(replace(search_material, examples=examples))
    assert "<script" not in page
    assert page.count(ESCAPED) == 3 * len(examples)


def test_no_field_of_a_search_is_needed(search_material):
    card = search_material.scorecard
    places = list(_paths(card))
    for number, (name, change) in enumerate(CHANGES.items()):
        for path in places[number * 2 :: 2 * EACH]:
            page = render(replace(search_material, scorecard=_changed(card, path, change)))
            shown = page[page.index("<body") :]
            assert not re.search(r"\b(nan|None|inf)\b", shown), (name, path)


def test_an_empty_run_is_still_a_report():
    reader = Reader(render(Material("empty", {}, {}, {}, {}, [], "", "", {})))
    assert "No verdict" in "".join(reader.text)
    assert not reader.all("img")


def _palettes():
    style = (HERE / "report.css").read_text()
    found = [
        dict(re.findall(r"--([\w-]+): ([^;]+);", block)) for block in style.split("@media")[:2]
    ]
    return {"light": found[0], "dark": {**found[0], **found[1]}}


def _rgb(text):
    digits = text.removeprefix("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    return [int(digits[place : place + 2], 16) for place in (0, 2, 4)]


def _contrast(first, second):
    """Source: WCAG 2.2, contrast ratio."""

    def luminance(colour):
        linear = [
            value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4
            for value in colour
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_can_be_read_on_their_ground(scheme):
    palette = _palettes()[scheme]
    for ground in ("paper", "soft"):
        for ink in ("ink", "quiet", "link", "ship", "stop"):
            assert _contrast(_rgb(palette[ink]), _rgb(palette[ground])) >= 4.5, (ink, ground)
    for name in ("teacher", "control", "student", "artefact", "rival"):
        assert _contrast(_rgb(palette[name]), _rgb(palette["paper"])) >= 4.5, name
    assert _contrast(_rgb(palette["open"]), _rgb(palette["paper"])) >= 3
    style = (HERE / "report.css").read_text()
    for kind in ("right", "wrong"):
        heat = [int(value) for value in palette[f"heat-{kind}"].split()]
        strengths = re.findall(rf"--heat-{kind}\) / ([\d.]+)\)", style)
        assert len(strengths) == 9
        share = max(map(float, strengths))
        pairs = zip(heat, _rgb(palette["paper"]), strict=True)
        ground = [share * hot + (1 - share) * cold for hot, cold in pairs]
        assert _contrast(_rgb(palette["ink"]), ground) >= 4.5, kind


def test_a_scorecard_of_real_answers_makes_a_report():
    import numpy as np

    from understudy.evaluation.predictor import answers_from
    from understudy.evaluation.scorecard import Evidence, Facts, build, conclude

    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, 200)
    answers = {}
    for name, strength in (("teacher", 4.0), ("control", 2.0), ("student", 3.0), ("onnx", 3.0)):
        logits = generator.normal(size=(200, 3)) + strength * np.eye(3)[labels]
        answers[name] = answers_from(logits.astype(np.float32))
    facts = {name: Facts(10, 40) for name in answers} | {"teacher": Facts(1000, 4000)}
    evidence = Evidence("image-classification", ("a", "b", "c"), labels, answers, facts)
    results = [{"rule": "agreement >= 0.5", "model": "onnx", "value": 0.9, "passed": True}]
    card = conclude(build(evidence), results)
    page = render(Material("real", card, {}, {}, {}, [], "", "", {}))
    shown = " ".join("".join(Reader(page).text).split())
    assert "Ship since every requirement holds for onnx." in shown
    assert "100× smaller" in shown
