"""A language model behind a chat endpoint as teacher: it picks a label, and says how sure it is."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event
from typing import Any

import numpy as np
import torch
from torch import Tensor

from understudy.data.texts import SEPARATOR
from understudy.teachers.chat import Reply, chat_server
from understudy.teachers.odds import FLOOR
from understudy.teachers.picking import SURE, Floats, codes_for, probabilities

SYSTEM = "You label texts. Answer with the code of the one label that fits best, and nothing else."
USER = "Labels, each behind its code:\n{labels}\n\nText:\n<<<\n{text}\n>>>\n\nCode of the label:"
REMINDER = "That names no label. Answer with one of the codes {codes}, and nothing else."
EXTRAS: Mapping[str, Any] = {
    "temperature": 0,
    "max_tokens": 16,
    "logprobs": True,
    "top_logprobs": 20,
}
"""What is asked for beside the question; what a server refuses by name is left out from then on."""
FEWER = 5
"""Alternatives of a token that are asked for where a server refuses to give 20."""


class Endpoint:
    """`openai:http://host/v1#model`, asked about texts in several threads.

    Where the server tells the likeliest tokens, they give the probabilities of the classes. A text
    that twice gets an answer without a class has equal probabilities and counts in `unclear`.
    The key comes from the environment; the fingerprint holds server, model, prompt and classes.
    """

    repeatable = False

    def __init__(
        self,
        source: str,
        classes: Sequence[str],
        *,
        about: str = "",
        workers: int = 8,
        attempts: int = 6,
        timeout: float = 60.0,
        pause: float = 0.5,
    ) -> None:
        given = chat_server(source)
        self.server = replace(given, attempts=attempts, timeout=timeout, pause=pause)
        self.classes: tuple[str, ...] | None = tuple(classes)
        self.names = self.classes
        self.codes = codes_for(len(classes))
        self.system = f"{SYSTEM} {about}".strip()
        self.workers = workers
        self.unclear = 0
        self._extras = EXTRAS
        told = [given.address, given.model, self.system, USER, REMINDER, self.names]
        text = json.dumps([*told, EXTRAS, SURE, FLOOR])
        self.fingerprint = hashlib.sha256(text.encode()).hexdigest()

    def answer(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """Shapes: "text" [B] of str -> logits [B, C], which are log-probabilities.

        Raises: RequestError where the server refuses, or does not answer after all attempts.
        """
        texts = [str(text) for text in inputs["text"]]
        stop = Event()
        with ThreadPoolExecutor(self.workers) as pool:
            once = dict.fromkeys(texts)
            asked = {text: pool.submit(self._opinion, text, stop) for text in once}
            try:
                said = {text: future.result() for text, future in asked.items()}
            except BaseException:  # an interruption too must not wait for all the others
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self.unclear += sum(said[text] is None for text in texts)
        equal = np.full(len(self.codes), 1 / len(self.codes))
        rows = (said[text] for text in texts)
        table = np.log(np.stack([equal if row is None else row for row in rows]))
        return {"logits": torch.from_numpy(table.astype(np.float32))}

    def _opinion(self, text: str, stop: Event) -> Floats | None:
        """The probabilities of the classes [C], or None where no answer names one."""
        labels = "\n".join(f"{c}: {name}" for c, name in zip(self.codes, self.names, strict=True))
        question = USER.format(labels=labels, text=text.replace(SEPARATOR, "\n"))
        messages = [_message("system", self.system), _message("user", question)]
        for _ in range(2):
            choice = self._ask(messages, stop).choice
            words = _words(choice)
            found = probabilities(choice, words, self.codes, self.names)
            if found is not None:
                return found
            if choice.get("finish_reason") == "length":  # it thinks before it answers
                self._extras = {k: v for k, v in self._extras.items() if k != "max_tokens"}
            reminder = REMINDER.format(codes=", ".join(self.codes))
            messages = [*messages, _message("assistant", words), _message("user", reminder)]
        return None

    def _ask(self, messages: list[dict[str, str]], stop: Event) -> Reply:
        while True:
            extras = self._extras
            reply = self.server.post({"messages": messages, **extras}, stop)
            if reply.status == 200:
                return reply
            fewer = _without_refused(extras, reply.complaint)
            if fewer == extras:
                raise self.server.refusal(reply)
            self._extras = fewer


def _words(choice: Mapping[str, Any]) -> str:
    """What the model answers, without what it thought before."""
    message = choice.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return re.sub(r"(?s)^.*</think>", "", content).strip() if isinstance(content, str) else ""


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _without_refused(extras: Mapping[str, Any], complaint: str) -> Mapping[str, Any]:
    """The extras without those that a complaint names; of alternatives, fewer are tried first."""
    if "top_logprobs" in complaint and extras.get("top_logprobs", 0) > FEWER:
        return {**extras, "top_logprobs": FEWER}
    refused = {name for name in extras if name in complaint}
    if refused & {"logprobs", "top_logprobs"}:
        refused |= {"logprobs", "top_logprobs"}
    return {name: value for name, value in extras.items() if name not in refused}
