"""A language model behind a chat endpoint, played by a local server, picks labels for texts."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import log
from typing import Any

import numpy as np
import pytest
import torch

from understudy.errors import RequestError
from understudy.teachers.endpoint import EXTRAS, REMINDER, Endpoint
from understudy.teachers.picking import SURE

CLASSES = ("book", "cancel", "greet")
KEY = "sk-secret-1234"
Answer = tuple[int, Any]


class Model:
    """Answers by rule: a function from the request to a status and a body; notes all requests."""

    def __init__(self, rule: Callable[[dict[str, Any]], Answer]) -> None:
        self.rule = rule
        self.got: list[dict[str, Any]] = []
        self.at_once = self.most_at_once = 0
        self.lock = threading.Lock()
        self.source = ""


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    for name in ("OPENAI_API_KEY", "http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("UNDERSTUDY_API_KEY", KEY)
    served = Model(by_first_word)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with served.lock:
                served.got.append(body)
                served.at_once += 1
                served.most_at_once = max(served.most_at_once, served.at_once)
            status, said = (
                (401, {"error": {"message": "no such key"}})
                if self.headers["Authorization"] != f"Bearer {KEY}"
                else served.rule(body)
            )
            with served.lock:
                served.at_once -= 1
            try:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())
            except ConnectionError:
                pass  # who asked has hung up

        def log_message(self, *parts: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.request_queue_size = 64
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    served.source = f"openai:http://127.0.0.1:{server.server_port}/v1#tiny"
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


def said(words: str | None, logprobs: dict[str, float] | None = None, why: str = "stop") -> Answer:
    choice: dict[str, Any] = {"message": {"content": words}, "finish_reason": why}
    if logprobs:
        others = [{"token": t, "logprob": log(p)} for t, p in logprobs.items()]
        first = {"token": words, "logprob": log(logprobs[words or ""]), "top_logprobs": others}
        choice["logprobs"] = {"content": [first]}
    return 200, {"choices": [choice]}


def text_of(request: dict[str, Any]) -> str:
    found = re.search(r"(?s)<<<\n(.*)\n>>>", request["messages"][1]["content"])
    assert found
    return found[1]


def by_first_word(request: dict[str, Any]) -> Answer:
    return said({"book": "A", "cancel": "B", "hi": "C"}.get(text_of(request).split()[0], "what?"))


def texts(*rows: str) -> dict[str, Any]:
    return {"text": np.array(rows, dtype=object)}


def test_labels_come_back_in_the_order_of_the_texts(model: Model):
    teacher = Endpoint(model.source, CLASSES)
    rows = ["cancel it", "hi", "book one", "hi", "cancel all"] * 8
    logits = teacher.answer(texts(*rows))["logits"]
    assert teacher.classes == CLASSES
    assert logits.dtype == torch.float32 and logits.shape == (40, 3)
    assert logits.argmax(-1).tolist() == [1, 2, 0, 2, 1] * 8
    np.testing.assert_allclose(logits[0].exp(), [0.05, SURE, 0.05], rtol=1e-5)
    assert len(model.got) == 4  # equal texts are asked about once
    assert teacher.unclear == 0


def test_the_prompt_lists_the_classes_with_their_codes(model: Model):
    Endpoint(model.source, CLASSES, about="Of an airline.").answer(texts("book a\x1fflight"))
    system, user = model.got[0]["messages"]
    assert system["content"].endswith("Of an airline.")
    assert "A: book\nB: cancel\nC: greet\n" in user["content"]
    assert text_of(model.got[0]) == "book a\nflight"
    assert {name: model.got[0][name] for name in EXTRAS} == dict(EXTRAS)


def test_log_probabilities_of_the_tokens_are_those_of_the_classes(model: Model):
    model.rule = lambda request: said("B", {"B": 0.6, "A": 0.3, " C": 0.1})
    logits = Endpoint(model.source, CLASSES).answer(texts("any"))["logits"]
    np.testing.assert_allclose(logits[0].exp(), [0.3, 0.6, 0.1], rtol=1e-5)


def test_an_answer_without_a_class_is_asked_once_more(model: Model):
    def second_time(request: dict[str, Any]) -> Answer:
        return said("C") if len(request["messages"]) == 4 else said("who knows")

    model.rule = second_time
    teacher = Endpoint(model.source, CLASSES)
    assert teacher.answer(texts("any"))["logits"].argmax().item() == 2
    assert teacher.unclear == 0
    assert [part["content"] for part in model.got[1]["messages"][2:]] == [
        "who knows",
        REMINDER.format(codes="A, B, C"),
    ]


def test_what_stays_without_a_class_is_counted_and_uniform(model: Model):
    teacher = Endpoint(model.source, CLASSES)
    logits = teacher.answer(texts("book", "mumble", "hi", "mumble"))["logits"]
    np.testing.assert_allclose(logits[1].exp(), [1 / 3] * 3, rtol=1e-6)
    assert torch.equal(logits[1], logits[3])
    assert logits[[0, 2]].argmax(-1).tolist() == [0, 2]
    assert teacher.unclear == 2
    assert len(model.got) == 4


@pytest.mark.parametrize("words", [None, "", "<think>A or B?</think>"])
def test_an_empty_answer_names_no_class(model: Model, words: str | None):
    model.rule = lambda request: said(words)
    teacher = Endpoint(model.source, CLASSES)
    teacher.answer(texts("any"))
    assert teacher.unclear == 1


def test_what_a_server_refuses_by_name_is_left_out_from_then_on(model: Model):
    def old(request: dict[str, Any]) -> Answer:
        for name in ("max_tokens", "temperature"):
            if name in request:
                return 400, {"error": {"message": f"unsupported parameter: '{name}'"}}
        if request.get("top_logprobs", 0) > 5:
            return 422, {"detail": "top_logprobs must be at most 5"}
        return said("A") if "logprobs" not in request else (403, {"error": "no logprobs for you"})

    model.rule = old
    teacher = Endpoint(model.source, CLASSES, workers=1)
    assert teacher.answer(texts("any", "other"))["logits"].argmax(-1).tolist() == [0, 0]
    assert len(model.got) == 6  # four refusals, and then one request for each text
    assert set(model.got[-1]) == {"model", "messages"}
    assert EXTRAS["max_tokens"] == 16


def test_a_model_that_thinks_first_gets_the_room(model: Model):
    def thinker(request: dict[str, Any]) -> Answer:
        if "max_tokens" in request:
            return said(None, why="length")
        return said("<think>Not A. B!</think>\nB")

    model.rule = thinker
    teacher = Endpoint(model.source, CLASSES)
    assert teacher.answer(texts("any"))["logits"].argmax().item() == 1


def test_a_wrong_key_is_told_at_once(model: Model, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("UNDERSTUDY_API_KEY", "sk-wrong")
    teacher = Endpoint(model.source, CLASSES, workers=1)
    with pytest.raises(RequestError, match="refuses: 401 .*no such key") as caught:
        teacher.answer(texts("any", "other", "third"))
    assert len(model.got) <= 2
    assert "sk-wrong" not in str(caught.value)


def test_one_failure_ends_the_others(model: Model):
    model.rule = lambda request: (503, {}) if text_of(request) == "bad" else by_first_word(request)
    teacher = Endpoint(model.source, CLASSES, workers=2, attempts=2, pause=0.001)
    with pytest.raises(RequestError, match="failed 2 times, last: 503"):
        teacher.answer(texts("bad", *(f"hi {number}" for number in range(200))))
    assert len(model.got) < 150


def test_many_are_asked_at_once_but_no_more_than_workers(model: Model):
    def slow(request: dict[str, Any]) -> Answer:
        time.sleep(0.03)
        return said("A")

    model.rule = slow
    Endpoint(model.source, CLASSES, workers=4).answer(texts(*map(str, range(24))))
    assert 2 <= model.most_at_once <= 4


def test_two_digit_codes_for_many_classes(model: Model):
    model.rule = lambda request: said("07", {"07": 0.9, "08": 0.1})
    logits = Endpoint(model.source, [f"intent {n}" for n in range(40)]).answer(texts("any"))
    assert logits["logits"].shape == (1, 40)
    assert logits["logits"].topk(2).indices.tolist() == [[6, 7]]


def test_the_fingerprint_holds_what_decides_answers_and_not_the_key(
    monkeypatch: pytest.MonkeyPatch,
):
    source = "openai:http://127.0.0.1:1/v1#tiny"
    first = Endpoint(source, CLASSES).fingerprint
    monkeypatch.setenv("UNDERSTUDY_API_KEY", "another")
    assert Endpoint(source, CLASSES, workers=2, timeout=1, attempts=1).fingerprint == first
    others = [
        Endpoint("openai:http://127.0.0.1:1/v1#large", CLASSES),
        Endpoint("openai:http://127.0.0.1:2/v1#tiny", CLASSES),
        Endpoint(source, CLASSES[::-1]),
        Endpoint(source, CLASSES, about="Of an airline."),
    ]
    assert len({first, *(other.fingerprint for other in others)}) == 5


def test_the_key_is_nowhere_but_on_the_wire(
    model: Model, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    caplog.set_level(logging.DEBUG)
    teacher = Endpoint(model.source, CLASSES)
    teacher.answer(texts("hi"))
    kept = [repr(value) for holder in (teacher, teacher.server) for value in vars(holder).values()]
    written = capfd.readouterr()
    assert KEY not in "".join([*kept, caplog.text, written.out, written.err])
