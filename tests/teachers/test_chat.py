"""Asking a chat server: what is tried again, what is refused at once, and where the key goes."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from understudy.errors import RequestError
from understudy.teachers.chat import ChatServer, Reply, chat_server

KEY = "sk-secret-1234"
GOOD = {"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]}


@dataclass
class Script:
    """A local server that plays its steps, the last one again and again, and notes what it got."""

    steps: list[tuple[int, Any]] = field(default_factory=lambda: [(200, GOOD)])
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    got: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    for name in ("UNDERSTUDY_API_KEY", "OPENAI_API_KEY", "http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    played, lock = Script(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                status, said = played.steps.pop(0) if played.steps[1:] else played.steps[0]
                played.got.append(body)
                played.keys.append(self.headers["Authorization"])
                played.paths.append(self.path)
            time.sleep(played.delay)
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            try:
                self.send_response(status)
                for name, value in played.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)
            except ConnectionError:
                pass  # who asked has hung up

        do_GET = do_POST

        def log_message(self, *parts: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    played.address = f"http://127.0.0.1:{server.server_port}/v1"
    yield played
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def ask(script: Script) -> Callable[..., Reply]:
    def post(**settings: Any) -> Reply:
        server = ChatServer(script.address, "tiny", **{"pause": 0.001, **settings})
        return server.post({"messages": []}, threading.Event())

    return post


def test_a_good_reply_comes_at_once(script: Script, ask: Callable[..., Reply]):
    assert ask().choice["message"] == {"content": "A"}
    assert script.got == [{"model": "tiny", "messages": []}]
    assert script.paths == ["/v1/chat/completions"]
    assert script.keys == [None]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_may_pass_is_tried_again(script: Script, ask: Callable[..., Reply], status: int):
    script.steps = [(status, {}), (status, {}), (200, GOOD)]
    assert ask().status == 200
    assert len(script.got) == 3


@pytest.mark.parametrize(
    "garbage", [b"<html>", b'{"choices": [', b"{}", b'{"choices": []}', b"[]", b"null", b"\xff\xfe"]
)
def test_a_reply_without_a_choice_is_tried_again(
    script: Script, ask: Callable[..., Reply], garbage: bytes
):
    script.steps = [(200, garbage), (200, GOOD)]
    assert ask().status == 200
    script.steps = [(200, garbage)]
    with pytest.raises(RequestError, match=r"failed 3 times, last: a reply that holds no choice"):
        ask(attempts=3)


def test_attempts_have_an_end(script: Script, ask: Callable[..., Reply]):
    script.steps = [(503, {"error": "model is loading"})]
    with pytest.raises(RequestError, match=r"failed 4 times, last: 503 .*model is loading"):
        ask(attempts=4)
    assert len(script.got) == 4


def test_a_slow_server_is_given_up_after_the_timeout(script: Script, ask: Callable[..., Reply]):
    script.delay = 0.6
    began = time.monotonic()
    with pytest.raises(RequestError, match="failed 2 times, last: timed out"):
        ask(attempts=2, timeout=0.05)
    assert time.monotonic() - began < 0.5


def test_a_server_that_is_not_there_is_told():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = ChatServer(f"http://127.0.0.1:{free.getsockname()[1]}", "m", 2, pause=0.001)
        with pytest.raises(RequestError, match="failed 2 times, last: .*refused"):
            server.post({}, threading.Event())


@pytest.mark.parametrize("form", [str, lambda seconds: formatdate(time.time() + seconds + 1)])
def test_it_waits_as_long_as_the_server_asks(
    script: Script, ask: Callable[..., Reply], form: Callable[[float], str]
):
    script.steps, script.headers = [(429, {}), (200, GOOD)], {"Retry-After": form(0.4)}
    began = time.monotonic()
    assert ask().status == 200
    assert 0.3 < time.monotonic() - began < 3


@pytest.mark.parametrize("after", ["soon", "-3", "Tue, 99 Jan"])
def test_a_senseless_wait_is_not_kept(script: Script, ask: Callable[..., Reply], after: str):
    script.steps, script.headers = [(429, {}), (200, GOOD)], {"Retry-After": after}
    began = time.monotonic()
    assert ask().status == 200
    assert time.monotonic() - began < 1


def test_an_event_ends_the_waiting(script: Script):
    script.steps, script.headers = [(429, {})], {"Retry-After": "50"}
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    began = time.monotonic()
    with pytest.raises(RequestError, match="failed 1 times, last: 429"):
        ChatServer(script.address, "m").post({}, stop)
    assert time.monotonic() - began < 5


def test_waiting_leaves_the_seeds_alone(script: Script, ask: Callable[..., Reply]):
    script.steps = [(500, {}), (200, GOOD)]
    random.seed(3)
    before = random.getstate()
    ask()
    assert random.getstate() == before


@pytest.mark.parametrize(
    ("status", "said", "words"),
    [
        (401, {"error": {"message": "bad key"}}, "refuses: 401 .*bad key.*UNDERSTUDY_API_KEY"),
        (404, {"detail": "no such model"}, "refuses: 404 .*the model 'tiny' is served there"),
        (400, {"error": "too long"}, "refuses: 400 .*too long"),
        (429, {"error": {"code": "insufficient_quota"}}, "refuses: 429 .*insufficient_quota"),
    ],
)
def test_what_will_not_pass_is_asked_once(
    script: Script, ask: Callable[..., Reply], status: int, said: Any, words: str
):
    script.steps = [(status, said)]
    reply = ask()
    assert len(script.got) == 1
    with pytest.raises(RequestError, match=words):
        raise ChatServer(script.address, "tiny").refusal(reply)


class TestTheKey:
    def test_it_is_sent_to_the_server(
        self, script: Script, ask: Callable[..., Reply], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("OPENAI_API_KEY", "another")
        ask()
        monkeypatch.setenv("UNDERSTUDY_API_KEY", f" {KEY}\n")
        ask()
        assert script.keys == ["Bearer another", f"Bearer {KEY}"]

    def test_the_key_of_openai_is_sent_to_openai_and_this_machine_alone(
        self, monkeypatch: pytest.MonkeyPatch
    ):
        from understudy.teachers.chat import _key

        monkeypatch.delenv("UNDERSTUDY_API_KEY", raising=False)
        monkeypatch.setenv("OPENAI_API_KEY", "theirs")
        assert _key("https://api.openai.com/v1") == _key("http://localhost:8000") == "theirs"
        for other in ("https://models.example.org/v1", "https://api.openai.com.example.org"):
            assert _key(other) == ""
        monkeypatch.setenv("UNDERSTUDY_API_KEY", KEY)
        assert _key("https://models.example.org/v1") == KEY

    def test_a_server_that_repeats_it_does_not_get_it_into_errors(
        self, script: Script, ask: Callable[..., Reply], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("UNDERSTUDY_API_KEY", KEY)
        for status in (401, 500, 200):
            script.steps = [(status, f"wrong \x1b[31m{KEY}".encode())]
            try:
                told = str(ChatServer(script.address, "m").refusal(ask(attempts=1)))
            except RequestError as error:
                told = str(error)
            assert "wrong [31m***" in told
            assert KEY not in told
        server = ChatServer(script.address, "m")
        assert KEY not in repr(server)

    def test_a_key_that_no_header_can_carry_is_not_repeated(
        self, ask: Callable[..., Reply], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("UNDERSTUDY_API_KEY", f"{KEY}\nInjected: yes")
        with pytest.raises(RequestError, match="UNDERSTUDY_API_KEY holds characters") as caught:
            ask()
        assert KEY not in str(caught.value)

    def test_it_is_not_carried_to_where_a_server_redirects(
        self, script: Script, ask: Callable[..., Reply], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("UNDERSTUDY_API_KEY", KEY)
        script.steps, script.headers = [(302, {})], {"Location": f"{script.address}/elsewhere"}
        reply = ask()
        assert len(script.got) == 1
        with pytest.raises(RequestError, match="refuses: 302 .*not sent after a redirection"):
            raise ChatServer(script.address, "m").refusal(reply)


def test_a_source_names_server_and_model():
    assert chat_server("openai:http://host:8000/v1/#org/model:7b") == ChatServer(
        "http://host:8000/v1", "org/model:7b"
    )
    assert replace(chat_server("openai:https://h#m"), attempts=2).attempts == 2


@pytest.mark.parametrize(
    "source",
    [
        "openai:http://host/v1",
        "openai:host/v1#model",
        "openai:ftp://host/v1#model",
        f"openai:http://me:{KEY}@host/v1#model",
        f"openai:http://host/v1?key={KEY}#model",
        "openai:http://#model",
        "openai:http://host:99999/v1#model",
        "openai:http://[::1/v1#model",
        "http://host/v1#model",
    ],
)
def test_other_sources_are_refused_and_not_repeated(source: str):
    with pytest.raises(RequestError, match="written openai:http://host/v1#model") as caught:
        chat_server(source)
    assert KEY not in str(caught.value)
