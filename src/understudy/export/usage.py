"""How an artefact is used without Understudy: the script that lies beside it."""

from __future__ import annotations

from collections.abc import Mapping

from understudy.students import Reads

BEST = """\
probabilities = np.exp(logits[0] - logits[0].max())
probabilities /= probabilities.sum()
best = int(probabilities.argmax())
print(facts["classes"][best], round(float(probabilities[best]), 4))
"""
"""The class that a classifier takes, from its logits."""

EACH = """\
probabilities = 1 / (1 + np.exp(-logits[0]))
for number in np.flatnonzero(probabilities >= 0.5):
    print(facts["classes"][number], round(float(probabilities[number]), 4))
"""
"""The classes that it takes where there may be several."""

IMAGE = '''\
"""Use the model without Understudy: needs numpy, onnxruntime and pillow."""
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

here = Path(__file__).parent
facts = json.loads((here / "labels.json").read_text())
height, width, channels = facts["form"]["shape"]
image = ImageOps.exif_transpose(Image.open(sys.argv[1]))
if image.has_transparency_data:
    image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
image = image.convert("L" if channels == 1 else "RGB")
image = image.resize((width, height), Image.Resampling.BILINEAR)
pixels = np.asarray(image, dtype=facts["form"]["dtype"]).reshape(1, height, width, channels)
session = onnxruntime.InferenceSession(here / "model.onnx")
(logits,) = session.run(["logits"], {"image": pixels})
'''

TOKENS = '''\
"""Use the model without Understudy: needs numpy, onnxruntime and tokenizers."""
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

here = Path(__file__).parent
facts = json.loads((here / "labels.json").read_text())
tokenizer = Tokenizer.from_file(str(here / "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(facts["form"]["tokens"])
session = onnxruntime.InferenceSession(here / "model.onnx")
'''
"""What reads texts begins so."""

TEXT = """\
ids = np.array([tokenizer.encode(*sys.argv[1:3]).ids], dtype=np.int64)
(logits,) = session.run(["logits"], {"ids": ids, "mask": np.ones_like(ids)})
"""

EMBED = """\


def embed(text):
    ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
    (vectors,) = session.run(["sentence_embedding"], {"ids": ids, "mask": np.ones_like(ids)})
    return vectors[0] / np.linalg.norm(vectors[0])


first, *others = (embed(text) for text in sys.argv[1:])
print("dimensions", len(first), "cosines", [round(float(first @ other), 4) for other in others])
"""

PROJECT = '''\
"""Bring the teacher's vectors into this model's space: python project.py FROM.npy TO.npy

FROM holds them as an array [texts, dimensions]; needs numpy and safetensors.
"""
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

directions = load_file(Path(__file__).parent / "projection.safetensors")["directions"]
vectors = np.load(sys.argv[1]).astype(np.float32) @ directions
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)
np.save(sys.argv[2], vectors)
print("from", directions.shape[0], "to", directions.shape[1], "dimensions:", len(vectors), "texts")
'''
"""What lies beside an encoder that has another space than its teacher."""

PAIR = """\
query, *documents = sys.argv[1:]
for document in documents:
    ids = np.array([tokenizer.encode(query, document).ids], dtype=np.int64)
    (scores,) = session.run(["logits"], {"ids": ids, "mask": np.ones_like(ids)})
    print(round(float(scores[0, 0]), 4), document)
"""


def usage_of(gives: str, reads: Reads, several: bool = False) -> str:
    """The script for a network of this kind; `scores` are those of a pair that is read together.

    `several`: a row may have several classes.
    """
    if gives == "embedding":
        return TOKENS + EMBED
    if gives == "scores":
        return TOKENS + PAIR
    if several:
        return TOKENS + TEXT + EACH
    return TOKENS + TEXT + BEST if reads == "text" else IMAGE + BEST


INPUTS: Mapping[Reads, str] = {
    "image": "image: [batch, height, width, channels], pixels as stored; normalisation is inside "
    "the graph",
    "text": "ids: [batch, tokens], from tokenizer.json; mask: [batch, tokens], 1 for a token, 0 "
    "for padding",
}

OUTPUTS: Mapping[str, str] = {
    "logits": "logits: [batch, classes]",
    "sentence_embedding": "sentence_embedding: [batch, dimensions]",
}

NAMES: Mapping[str, str] = {"logits": "logits", "embedding": "sentence_embedding"}
"""What a graph calls what a network gives; the latter as sentence-transformers' exports do."""
