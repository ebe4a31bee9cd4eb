"""Talk with an OpenAI-compatible chat server: one question a call, tried again where that helps."""

from __future__ import annotations

import email.utils
import http.client
import json
import os
import random
import re
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from understudy.errors import RequestError

LONGEST_PAUSE = 60.0
"""Seconds that are waited at most between two attempts, whatever a server asks for."""
LARGEST_REPLY = 4_000_000
"""Bytes of a reply that are read."""
BUSY = (408, 409, 425, 429)
"""Statuses that may pass, as all of 500 and above may."""
_CHANCE = random.Random()  # of its own: waiting must not move the seeds of a training


@dataclass(frozen=True)
class Reply:
    """What a server said: a choice of the model at status 200, a complaint at any other."""

    status: int
    choice: Mapping[str, Any]
    complaint: str = ""


@dataclass(frozen=True)
class Fault:
    """Why an attempt failed in a way that may pass, and the seconds that the server wants."""

    reason: str
    pause: float | None = None


@dataclass(frozen=True)
class ChatServer:
    """Where a model is asked. Neither the record nor its errors hold the key.

    `timeout` are seconds without a byte; `pause` are those before the second attempt, and double
    with each.
    """

    address: str
    model: str
    attempts: int = 6
    timeout: float = 60.0
    pause: float = 0.5

    def post(self, question: Mapping[str, Any], stop: Event) -> Reply:
        """Ask, until the server answers or refuses; an event that is set ends the waiting.

        Raises: RequestError where all attempts failed.
        """
        data = json.dumps({"model": self.model, **question}).encode()
        said: Reply | Fault = Fault("nothing was asked")
        for attempt in range(self.attempts):
            said = self._once(data)
            if isinstance(said, Reply):
                return said
            usual = self.pause * 2**attempt * _CHANCE.uniform(0.5, 1.0)
            wanted = usual if said.pause is None else said.pause
            last = attempt + 1 == self.attempts
            if last or stop.wait(min(wanted, LONGEST_PAUSE)):
                break
        assert isinstance(said, Fault)
        raise RequestError(
            f"the teacher at {self.address} failed {attempt + 1} times, last: {said.reason}; see "
            "whether it runs and is an OpenAI-compatible chat endpoint, then run the same again"
        )

    def refusal(self, reply: Reply) -> RequestError:
        """A sentence about a reply that no further attempt will change."""
        todo = "see its documentation"
        if reply.status in (401, 403):
            todo = "set UNDERSTUDY_API_KEY to a key of this server"
        elif reply.status == 404:
            todo = f"see whether the address is right and the model '{self.model}' is served there"
        elif 300 <= reply.status < 400:
            todo = "write the address that it moved to; a key is not sent after a redirection"
        return RequestError(
            f"the teacher at {self.address} refuses: {reply.status} {reply.complaint}; {todo}"
        )

    def _once(self, data: bytes) -> Reply | Fault:
        key = _key(self.address)
        headers = {"Content-Type": "application/json", "User-Agent": "understudy"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(f"{self.address}/chat/completions", data, headers)
        opener = urllib.request.build_opener(_Stay)
        text = b""
        try:
            with opener.open(request, timeout=self.timeout) as answer:
                text = answer.read(LARGEST_REPLY)
            return Reply(200, dict(json.loads(text)["choices"][0]))
        except urllib.error.HTTPError as error:
            with error:
                return _failed(error, key)
        except (OSError, http.client.HTTPException) as error:
            return Fault(_plain(str(getattr(error, "reason", error)) or type(error).__name__, key))
        except (ValueError, TypeError, LookupError):
            return Fault(
                f"a reply that holds no choice: {_plain(text.decode(errors='replace'), key)}"
            )


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirection, which would carry the key to another server."""

    def redirect_request(self, *parts: Any) -> None:
        return None


def chat_server(source: str) -> ChatServer:
    """The server and model that `openai:http://host/v1#model` names.

    Raises: RequestError for anything else; it does not repeat what may hold a password.
    """
    found = re.fullmatch(r"openai:(https?://[^\s#?@]+)#(\S+)", source)
    try:
        is_address = found is not None and bool(urlsplit(found[1]).hostname)
        is_address = is_address and urlsplit(found[1]).port != 0  # type: ignore[index]
    except ValueError:
        is_address = False
    if found is None or not is_address:
        raise RequestError(
            "teacher: an endpoint is written openai:http://host/v1#model, without key, password "
            "or query; the key is read from the environment variable UNDERSTUDY_API_KEY"
        )
    return ChatServer(found[1].rstrip("/"), found[2])


def _key(address: str) -> str:
    """The key for a server, or nothing. OPENAI_API_KEY goes to OpenAI or this machine alone.

    A recipe can come from anybody and name any server; it must not get a key meant for another.
    """
    host = urlsplit(address).hostname or ""
    name = "UNDERSTUDY_API_KEY"
    own = host in ("localhost", "127.0.0.1", "::1", "openai.com") or host.endswith(".openai.com")
    if not os.environ.get(name) and own:
        name = "OPENAI_API_KEY"
    key = os.environ.get(name, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise RequestError(f"{name} holds characters that no key has; set it again")
    return key


def _failed(error: urllib.error.HTTPError, key: str) -> Reply | Fault:
    complaint = _complaint(error, key)
    has_no_money = error.code == 429 and "insufficient_quota" in complaint
    if (error.code in BUSY or error.code >= 500) and not has_no_money:
        return Fault(f"{error.code} {complaint}", _seconds(error.headers.get("Retry-After")))
    return Reply(error.code, {}, complaint)


def _complaint(error: urllib.error.HTTPError, key: str) -> str:
    """What the server says is wrong, in one line."""
    try:
        text = error.read(LARGEST_REPLY).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        text = ""
    return _plain(text or str(error.reason), key)


def _plain(text: str, key: str) -> str:
    """One line of at most 300 printable characters, without the key."""
    clean = text.replace(key, "***") if key else text
    line = " ".join("".join(c if c.isprintable() else " " for c in clean).split())
    return line if len(line) <= 300 else f"{line[:300]}..."


def _seconds(after: str | None) -> float | None:
    """The header Retry-After, which holds seconds or a date."""
    if after is None:
        return None
    try:
        return max(0.0, float(after))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(after).timestamp() - time.time())
    except ValueError:
        return None
