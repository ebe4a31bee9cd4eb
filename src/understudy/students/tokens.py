"""The tokenizer of a network: texts to ids, the same ones alone and in any batch."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from understudy.errors import RequestError
from understudy.files import write_atomically, write_json
from understudy.students import vocabulary
from understudy.students.cutting import COUNTED_FROM_PADDING

PARTS = "\x1f"
"""Stands between the columns of one row, where a task has several."""

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROLES = {
    "pad_token": ("[PAD]", "<pad>"),
    "unk_token": ("[UNK]", "<unk>"),
    "cls_token": ("[CLS]", "<s>"),
    "sep_token": ("[SEP]", "</s>"),
    "mask_token": ("[MASK]", "<mask>"),
}
"""What Transformers calls a special token, and what such a token is usually written as."""

LONGEST = 512
"""Tokens that are read of a text where nothing says how many the network can."""

CHUNK = 4096
"""Texts encoded in one call; an encoding takes far more room than its ids."""


class Tokens:
    """A tokenizer that never pads by itself and cuts a text after `most` tokens.

    What tokenizer.json fixes of padding and truncation is set aside: both differ from call to call.
    `roles` names the special tokens, `{"pad_token": "[PAD]"}`, where they have unusual names.
    """

    def __init__(
        self, tokenizer: Tokenizer, most: int, roles: Mapping[str, str] | None = None
    ) -> None:
        self.tokenizer: Tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(most)
        self.most = most
        self.size = max(self.tokenizer.get_vocab().values()) + 1
        usual = {
            role: next((name for name in names if self._id(name) is not None), None)
            for role, names in ROLES.items()
        }
        self.roles = {
            role: name
            for role, name in {**usual, **(roles or {})}.items()
            if name is not None and self._id(name) is not None
        }

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides the ids of a text."""
        return hashlib.sha256(f"{self.tokenizer.to_str()} {self.most}".encode()).hexdigest()

    @property
    def separator(self) -> int | None:
        """The id of the token between the two parts of a pair."""
        return self._id(self.roles.get("sep_token", ""))

    @property
    def padding(self) -> int:
        """The id of the padding token; 0 where there is none, for the mask covers it anyway."""
        return self._id(self.roles.get("pad_token", "")) or 0

    def bare(self) -> Tokens:
        """The same without what is put around a text, such as [CLS] and [SEP]."""
        document = json.loads(self.tokenizer.to_str())
        plain = Tokenizer.from_str(json.dumps({**document, "post_processor": None}))
        return Tokens(plain, self.most, self.roles)

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The ids of all texts, one after the other, and where each begins, with the end of all.

        Shapes: N texts -> flat ids [sum of T], offsets [N + 1].
        """
        rows = list(self._rows(texts))
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=offsets[1:])
        flat = np.concatenate(rows) if rows else np.zeros(0, np.int32)
        return flat.astype(np.int32, copy=False), offsets

    def padded(self, texts: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        """`ids` and `mask`, padded to the longest text of these, and to one token at least.

        Shapes: B texts -> ids [B, T], mask [B, T]: 1 for a token, 0 for padding.
        """
        rows = list(self._rows(texts))
        longest = max([1, *(len(row) for row in rows)])
        ids = np.full((len(rows), longest), self.padding, np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        return {"ids": ids, "mask": mask}

    def save(self, folder: Path) -> None:
        """Write tokenizer.json, and tokenizer_config.json, which AutoTokenizer reads."""
        write_atomically(folder / "tokenizer.json", self.tokenizer.to_str(pretty=True))
        write_json(
            folder / "tokenizer_config.json",
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "model_max_length": self.most,
                "clean_up_tokenization_spaces": False,
                **self.roles,
            },
        )
        name_inputs(folder)

    def _id(self, name: str) -> int | None:
        number: int | None = self.tokenizer.token_to_id(name)
        return number

    def _rows(self, texts: Sequence[str]) -> Iterator[NDArray[np.int32]]:
        for start in range(0, len(texts), CHUNK):
            entries = [_entry(text) for text in texts[start : start + CHUNK]]
            for encoding in self.tokenizer.encode_batch_fast(entries):
                yield np.array(encoding.ids, np.int32)


def read_tokens(folder: str | Path, most: int | None = None) -> Tokens:
    """The tokenizer of a model folder, or of a model on the hub, cut to what its network can read.

    `most` asks for fewer tokens of a text.
    Raises: RequestError where it cannot be read, or where more tokens are asked for than it can.
    """
    path = Path(folder)
    try:
        if (path / "tokenizer.json").is_file():
            tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
        else:
            tokenizer = _converted(str(folder))
    except Exception as error:  # tokenizers raises plain Exception
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RequestError(
            f"the tokenizer in '{folder}' cannot be read: {reason[:300]}; the folder needs a "
            "tokenizer.json, which a tokenizer's save_pretrained(folder) writes"
        ) from error
    limit = _limit(path)
    if most is not None and limit is not None and most > limit:
        raise RequestError(
            f"the model in '{folder}' reads at most {limit} tokens of a text, {most} were asked "
            "for; ask for no more than it reads"
        )
    return Tokens(tokenizer, most or _usual(path, limit), _named_roles(path))


def name_inputs(folder: Path) -> None:
    """Let Transformers hand a network the types of its tokens where, and only where, it has any.

    Called when either the tokenizer or the network is saved, since both files are needed.
    """
    told, config = _stored(folder / "tokenizer_config.json"), _stored(folder / "config.json")
    if told and config:
        types = ["token_type_ids"] if (config.get("type_vocab_size") or 0) > 1 else []
        names = ["input_ids", *types, "attention_mask"]
        write_json(folder / "tokenizer_config.json", {**told, "model_input_names": names})


def trained_tokens(texts: Sequence[str], size: int, most: int) -> Tokens:
    """A lower-casing WordPiece tokenizer of `size` tokens at most, made from these texts.

    The pieces are those that byte-pair merges of words make, each word behind a mark, so that one
    that starts a word differs from the same letters inside. (`tokenizers` has a trainer of its own
    for this, whose result differs from process to process.)
    Raises: RequestError where the size leaves no room for letters, or where there is no text.
    Source: Sennrich, Haddow, Birch 2016, arXiv:1508.07909, section 3.2, for the merges; Devlin et
    al. 2019, arXiv:1810.04805, for the specials and the form of the pieces.
    """
    from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

    if size < 64:
        raise RequestError(f"a vocabulary of {size} tokens is too small; ask for 64 or more")
    mark = "▁"
    words = Tokenizer(models.BPE())
    words.normalizer = normalizers.BertNormalizer(lowercase=True)
    words.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.BertPreTokenizer(), pre_tokenizers.Metaspace(mark, "always", split=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size, limit_alphabet=min(1000, size // 4), show_progress=False
    )
    plain = (text.replace(PARTS, " ").replace(mark, " ") for text in map(_whole, texts))
    words.train_from_iterator(plain, trainer)
    found = sorted(words.get_vocab().items(), key=lambda item: item[1])
    letters = [piece for piece, _ in found if len(piece) == 1 and piece != mark]
    if not letters:
        raise RequestError("there is no letter in these texts to make a tokenizer from")
    merged = [
        piece.removeprefix(mark) if piece.startswith(mark) else f"##{piece}"
        for piece, _ in found
        if len(piece) > 1
    ]
    whole = [*SPECIALS, *letters, *(f"##{letter}" for letter in letters), *merged]
    ids = {piece: number for number, piece in enumerate(list(dict.fromkeys(whole))[:size])}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    tokenizer.add_special_tokens(list(SPECIALS))
    return Tokens(tokenizer, most)


def reduced(
    tokens: Tokens, texts: Sequence[str], most_tokens: int | None
) -> tuple[Tokens, NDArray[np.int64]]:
    """A tokenizer with only what these texts use, and its old ids in the order of the new ones.

    Specials, single characters and bytes stay. Without `most_tokens` these texts get the same
    pieces as before; with it, the most frequent pieces stay, and texts that used others get
    shorter ones.
    Raises: RequestError where the kind of tokenizer is another, or where what has to stay is more.
    """
    document = json.loads(tokens.tokenizer.to_str())
    if document["model"]["type"] not in vocabulary.KINDS:
        raise RequestError(
            f"a tokenizer of kind {document['model']['type']} cannot be reduced; "
            f"known are: {', '.join(vocabulary.KINDS)}"
        )
    kept = vocabulary.indispensable(document)
    if most_tokens is not None and len(kept) > most_tokens:
        raise RequestError(
            f"this tokenizer cannot be reduced to {most_tokens} tokens: its specials and single "
            f"characters are {len(kept)}, and they stay"
        )
    parts = vocabulary.ancestry(document)
    counts: Counter[int] = Counter(tokens.encode(texts)[0].tolist())
    for number, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        family = _family(number, parts)
        if most_tokens is None or len(kept | family) <= most_tokens:
            kept |= family
    order = vocabulary.ordered(document, kept)
    smaller = Tokenizer.from_str(json.dumps(vocabulary.cut(document, order)))
    return Tokens(smaller, tokens.most, tokens.roles), np.array(order, np.int64)


def _family(number: int, parts: Mapping[int, tuple[int, ...]]) -> set[int]:
    """An id and all that it is merged from."""
    found, waiting = {number}, [number]
    while waiting:
        fresh = set(parts.get(waiting.pop(), ())) - found
        found |= fresh
        waiting.extend(fresh)
    return found


def _entry(text: str) -> str | tuple[str, str]:
    """One text, or the two parts of a pair."""
    first, *rest = _whole(text).split(PARTS)
    return (first, " ".join(rest)) if rest else first


def _whole(text: str) -> str:
    """A text that is valid Unicode: half a surrogate pair, which JSON can carry, becomes `?`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def _converted(source: str) -> Tokenizer:
    """What Transformers makes of an older folder, or of a model on the hub."""
    from transformers import AutoTokenizer

    made = AutoTokenizer.from_pretrained(source)
    if len(made) <= len(set(made.all_special_ids)):
        # Transformers makes one of special tokens alone where a folder has none.
        raise ValueError("it has no vocabulary")
    tokenizer: Tokenizer = made.backend_tokenizer
    return tokenizer


def _stored(path: Path) -> dict[str, Any]:
    """A JSON file of a folder that may well have none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _limit(folder: Path) -> int | None:
    """The tokens for which the network of a folder has positions, where it counts them."""
    config = _stored(folder / "config.json")
    places = config.get("max_position_embeddings")
    if not isinstance(places, int) or places <= 0:
        return None
    shifted = config.get("model_type") in COUNTED_FROM_PADDING
    return places - config.get("pad_token_id", 1) - 1 if shifted else places


def _usual(folder: Path, limit: int | None) -> int:
    """The tokens that a folder's owner had it read."""
    asked = (
        _stored(folder / "sentence_bert_config.json").get("max_seq_length"),
        _stored(folder / "tokenizer_config.json").get("model_max_length"),
    )
    owner = next((n for n in asked if isinstance(n, int) and 0 < n < 1_000_000), None)
    return min(owner or LONGEST, limit or owner or LONGEST)


def _named_roles(folder: Path) -> dict[str, str]:
    """The special tokens that a folder names."""
    named = {
        **_stored(folder / "special_tokens_map.json"),
        **_stored(folder / "tokenizer_config.json"),
    }
    plain = {
        role: token.get("content") if isinstance(token, dict) else token
        for role, token in named.items()
        if role in (*ROLES, "bos_token", "eos_token")
    }
    return {role: token for role, token in plain.items() if isinstance(token, str)}
