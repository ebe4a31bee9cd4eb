"""What a tokenizer's file says of its pieces, and the same file with fewer of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

BYTE = re.compile(r"<0x[0-9A-F]{2}>")
"""A piece that stands for one byte, of which any text can be made."""

KINDS = ("WordPiece", "Unigram", "WordLevel", "BPE")


def pieces(document: Mapping[str, Any]) -> dict[str, int]:
    """Every piece of a tokenizer.json with its id, the added ones among them."""
    vocabulary = document["model"]["vocab"]
    if document["model"]["type"] == "Unigram":
        vocabulary = {piece: number for number, (piece, _) in enumerate(vocabulary)}
    return {**vocabulary, **{token["content"]: token["id"] for token in document["added_tokens"]}}


def indispensable(document: Mapping[str, Any]) -> set[int]:
    """The ids that no reduced tokenizer may lack.

    These are the added tokens, those that the post-processor puts around a text, the unknown one,
    every single character or byte, and every piece that could not be spelled out of those.
    """
    model, ids = document["model"], pieces(document)
    kept = {token["id"] for token in document["added_tokens"]}
    kept |= set(_inserted(document.get("post_processor")))
    if model.get("unk_token") in ids:
        kept.add(ids[model["unk_token"]])
    if model["type"] == "BPE":
        made = {_merged(model, *pair) for pair in _merges(model)}
        return kept | {number for piece, number in ids.items() if piece not in made}
    if model["type"] == "Unigram":
        scores = [score for _, score in model["vocab"]]
        # Unknown characters cost ten more than the worst piece, so that one has to stay.
        kept.add(scores.index(min(scores)))
        kept |= {model["unk_id"]} - {None}
    for piece, number in ids.items():
        letters = _letters(model, piece)
        # A word is no spelling: where whole words are the pieces, one that is gone is unknown.
        unspelled = model["type"] != "WordLevel" and not all(letter in ids for letter in letters)
        if len(letters) == 1 or unspelled or BYTE.fullmatch(piece):
            kept.add(number)
    return kept


def ancestry(document: Mapping[str, Any]) -> dict[int, tuple[int, ...]]:
    """The ids that byte-pair merges make each id from; empty for every other kind of model."""
    if document["model"]["type"] != "BPE":
        return {}
    ids = pieces(document)
    parts: dict[int, tuple[int, ...]] = {}
    for left, right in _merges(document["model"]):
        whole = ids[_merged(document["model"], left, right)]
        parts[whole] = (*parts.get(whole, ()), ids[left], ids[right])
    return parts


def ordered(document: Mapping[str, Any], kept: set[int]) -> list[int]:
    """The kept ids in the order of their new ones: the model's own, then tokens added to it.

    That is how `tokenizers` numbers them again when it reads the file.
    """
    model = document["model"]
    own = set(range(len(model["vocab"])) if model["type"] == "Unigram" else model["vocab"].values())
    return [*sorted(kept & own), *sorted(kept - own)]


def cut(document: Mapping[str, Any], order: Sequence[int]) -> dict[str, Any]:
    """The tokenizer.json with only these ids, numbered anew in this order."""
    new = {old: number for number, old in enumerate(order)}
    model = dict(document["model"])
    if model["type"] == "Unigram":
        model["vocab"] = [model["vocab"][old] for old in order if old < len(model["vocab"])]
        model["unk_id"] = None if model["unk_id"] is None else new[model["unk_id"]]
    else:
        model["vocab"] = {piece: new[old] for piece, old in model["vocab"].items() if old in new}
    if model["type"] == "BPE":
        model["merges"] = [
            [left, right]
            for left, right in _merges(model)
            if {left, right, _merged(model, left, right)} <= model["vocab"].keys()
        ]
    return {
        **document,
        "model": model,
        "added_tokens": [
            {**token, "id": new[token["id"]]}
            for token in sorted(document["added_tokens"], key=lambda token: new[token["id"]])
        ],
        "post_processor": _renumbered(document.get("post_processor"), new),
    }


def _merges(model: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Older files write a merge as one string with a space in the middle."""
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        yield left, right


def _merged(model: Mapping[str, Any], left: str, right: str) -> str:
    return left + right.removeprefix(model.get("continuing_subword_prefix") or "")


def _letters(model: Mapping[str, Any], piece: str) -> list[str]:
    """The pieces of one character each that spell a piece."""
    if model["type"] != "WordPiece":
        return list(piece)
    prefix = model["continuing_subword_prefix"]
    inner = piece.startswith(prefix) and piece != prefix
    letters = piece.removeprefix(prefix) if inner else piece
    return [prefix + letter if inner or place else letter for place, letter in enumerate(letters)]


def _inserted(processor: Any) -> Iterator[int]:
    """The ids that a post-processor puts around a text."""
    for inner in (processor or {}).get("processors", ()):
        yield from _inserted(inner)
    for name in ("cls", "sep"):
        if name in (processor or {}):
            yield processor[name][1]
    for token in (processor or {}).get("special_tokens", {}).values():
        yield from token["ids"]


def _renumbered(processor: Any, new: Mapping[int, int]) -> Any:
    """A post-processor with the new ids of the tokens it inserts."""
    if processor is None:
        return None
    changed = dict(processor)
    if "processors" in processor:
        changed["processors"] = [_renumbered(inner, new) for inner in processor["processors"]]
    for name in ("cls", "sep"):
        if name in processor:
            changed[name] = [processor[name][0], new[processor[name][1]]]
    if "special_tokens" in processor:
        changed["special_tokens"] = {
            name: {**token, "ids": [new[old] for old in token["ids"]]}
            for name, token in processor["special_tokens"].items()
        }
    return changed
