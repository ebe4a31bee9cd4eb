from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from understudy.errors import RequestError
from understudy.store.codecs import bits_for, codec_named, pack, unpack

floats = arrays(
    np.float32, (5, 4), elements=st.floats(-60000, 60000, width=32, allow_subnormal=False)
)


def there_and_back(codec: str, values: np.ndarray, entries: np.ndarray | None = None):
    """Encode all and decode some; the parts must be what the codec says that they are."""
    coding = codec_named(codec, values.dtype.name, values.shape[1:])
    tensors = coding.encode(values)
    for suffix, part in coding.parts().items():
        assert tensors[suffix].kind == part.kind
        assert tensors[suffix].values.shape == part.shape_of(len(values))
    entries = np.arange(len(values)) if entries is None else entries
    out = np.empty((len(entries), *values.shape[1:]), values.dtype)
    coding.take({suffix: tensor.values for suffix, tensor in tensors.items()}, entries, out)
    return out, tensors


@settings(max_examples=30, deadline=None)
@given(floats)
def test_half_precision_keeps_eleven_bits(values: np.ndarray) -> None:
    out, _ = there_and_back("fp16", values)
    np.testing.assert_array_equal(out, values.astype(np.float16).astype(np.float32))
    assert (np.abs(out - values) <= np.maximum(np.abs(values) * 2**-11, 2**-25)).all()


@settings(max_examples=30, deadline=None)
@given(floats)
def test_bfloat16_rounds_as_torch_does(values: np.ndarray) -> None:
    out, tensors = there_and_back("bf16", values)
    theirs = torch.from_numpy(values).to(torch.bfloat16)
    np.testing.assert_array_equal(out, theirs.float().numpy())
    np.testing.assert_array_equal(tensors[""].values, theirs.view(torch.uint16).numpy())


@settings(max_examples=30, deadline=None)
@given(floats)
def test_int8_is_wrong_by_half_a_scale_at_most(values: np.ndarray) -> None:
    out, tensors = there_and_back("int8", values)
    scale = tensors[".scale"].values
    np.testing.assert_array_equal(scale, np.abs(values).max(axis=1) / np.float32(127))
    assert (np.abs(out - values) <= scale[:, None] * 0.5001).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 32), st.integers(0, 40), st.randoms(use_true_random=False))
def test_packed_numbers_are_found_anywhere(width: int, count: int, random) -> None:
    numbers = np.array([random.getrandbits(width) for _ in range(count)], np.uint64)
    packed = pack(numbers, width)
    assert packed.nbytes == -(-count * width // 8)
    # The format, said another way: bit i of the stream is bit i % 8 of byte i // 8.
    stream = sum(int(number) << (place * width) for place, number in enumerate(numbers))
    assert int.from_bytes(packed.tobytes(), "little") == stream
    places = np.array([random.randrange(count) for _ in range(10 if count else 0)], np.int64)
    np.testing.assert_array_equal(unpack(packed, places, width), numbers[places])


def test_packing_goes_on_across_chunks() -> None:
    numbers = np.random.default_rng(0).integers(0, 2**15, 200_000).astype(np.uint64)
    np.testing.assert_array_equal(unpack(pack(numbers, 15), np.arange(200_000), 15), numbers)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint32"])
def test_bits_keep_the_type_and_the_shape(dtype: str) -> None:
    values = np.arange(60).reshape(10, 3, 2).astype(dtype)
    out, tensors = there_and_back("bits6", values, np.array([9, 0, 4, 4]))
    np.testing.assert_array_equal(out, values[[9, 0, 4, 4]])
    assert tensors[""].values.nbytes == 45


def test_token_ids_of_32768_words_take_15_bits() -> None:
    assert bits_for(32_767) == "bits15"
    assert bits_for(32_768) == "bits16"
    assert bits_for(0) == "bits1"


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64"])
def test_plain_is_exact(dtype: str) -> None:
    values = np.arange(12).reshape(4, 3).astype(dtype)
    out, _ = there_and_back("plain", values, np.array([1, 3]))
    np.testing.assert_array_equal(out, values[[1, 3]])


def test_what_is_not_finite_survives_in_two_bytes() -> None:
    values = np.array([[np.inf, -np.inf, np.nan, 0]], np.float32)
    for codec in ("fp16", "bf16"):
        np.testing.assert_array_equal(there_and_back(codec, values)[0], values)


@pytest.mark.parametrize(
    ("codec", "values", "words"),
    [
        ("fp16", np.full((1, 2), 70000, np.float32), "70000 came, and fp16 holds up to 65504"),
        ("bf16", np.full((1, 2), 3.4e38, np.float32), "bf16 holds up to"),
        ("int8", np.full((1, 2), np.inf, np.float32), "int8 holds finite numbers only"),
        ("bits3", np.array([[0, 8]]), "bits3 holds whole numbers from 0 to 7; 0 to 8 came"),
        ("bits3", np.array([[-1, 7]]), "-1 to 7 came"),
    ],
)
def test_values_that_do_not_fit_are_refused(codec: str, values: np.ndarray, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        there_and_back(codec, values)


@pytest.mark.parametrize(
    ("codec", "dtype", "shape", "words"),
    [
        ("fp61", "float32", (2,), "did you mean 'fp16'"),
        ("bits33", "int64", (2,), "there is no codec 'bits33'"),
        ("bits0", "int64", (2,), "there is no codec 'bits0'"),
        ("bits8", "float32", (2,), "is for whole numbers, not for float32"),
        ("fp16", "float64", (2,), "is for float32, not for float64"),
        ("int8", "float32", (), "use fp16"),
    ],
)
def test_codecs_that_do_not_suit_are_refused(codec, dtype, shape, words: str) -> None:
    with pytest.raises(RequestError, match=words):
        codec_named(codec, dtype, shape)
