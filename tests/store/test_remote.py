from __future__ import annotations

import importlib
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from understudy.errors import DamagedError, RequestError
from understudy.store import create, open_store
from understudy.store.remote import RemoteFolder


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """A real server of the S3 protocol on this machine."""
    import boto3
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem.clear_instance_cache()
        client = boto3.client("s3")
        client.create_bucket(Bucket="bucket")
        client.close()
        yield "s3://bucket"
        s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture(params=["memory", "s3"])
def url(request: pytest.FixtureRequest) -> str:
    base = "memory:/" if request.param == "memory" else request.getfixturevalue("s3")
    return f"{base}/{uuid.uuid4().hex}/store"


def cached(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "shards").rglob("shard-*"))


def test_shards_are_written_fetched_once_and_mapped(url, index, fill, content, same, cache) -> None:
    store = create(url, index)
    assert store.missing() == [0, 1, 2, 3]
    fill(store)
    assert cached(cache) == []
    again = open_store(url, index.provenance)
    assert again.complete
    assert again.bytes == store.bytes > 0
    assert not again.shuffle_by_shard
    same(again, content, np.array([0, 29, 95]))
    assert cached(cache) == ["shard-00000.safetensors", "shard-00003.safetensors"]
    folder = RemoteFolder(url)
    before = folder.local("shard-00000.safetensors").stat()
    same(open_store(url), content, np.arange(100))
    assert folder.local("shard-00000.safetensors").stat().st_ino == before.st_ino
    assert list(cache.rglob("*.tmp")) == []


def test_the_first_index_stays_and_others_are_refused(url, index) -> None:
    create(url, index)
    assert create(url, replace(index, rows_per_shard=7)).index == index
    RemoteFolder(url).publish_first("index.json", b"late")
    assert open_store(url).index == index
    with pytest.raises(RequestError, match=r"teacher is 1 there|teacher.weights is 'abc' there"):
        create(url, replace(index, provenance={"teacher": 1}))


def test_damage_there_is_found_and_costs_one_shard(url, index, fill, content, same) -> None:
    store = fill(create(url, index))
    folder = RemoteFolder(url)
    whole = folder.local("shard-00001.safetensors").read_bytes()
    folder.publish("shard-00001.safetensors", lambda path: path.write_bytes(whole[:-1] + b"?"))
    assert store.verify() == (1,)
    with pytest.raises(DamagedError, match="shard 1 of the store at"):
        store.gather(np.arange(100))
    store.set_aside(1)
    assert store.missing() == [1]
    assert "shard-00001.safetensors.damaged" in folder.names()
    same(fill(store), content, np.arange(100))


def test_a_stale_or_damaged_copy_is_fetched_again(index, fill, content, same, cache) -> None:
    url = f"memory://{uuid.uuid4().hex}"
    same(fill(create(url, index)), content, np.arange(100))
    for path in (cache / "shards").rglob("shard-*"):
        path.write_bytes(b"old")
    same(open_store(url), content, np.arange(100))


def test_a_small_cache_keeps_the_shards_that_were_used_last(
    index, fill, content, same, cache
) -> None:
    url = f"memory://{uuid.uuid4().hex}"
    room = int(fill(create(url, index)).bytes / 4 * 2.5)
    store = open_store(url, cache_bytes=room)
    assert store.shuffle_by_shard
    for shard in (0, 1, 0, 2):
        same(store, content, np.array(store.span(shard)[:3]))
    assert cached(cache) == ["shard-00000.safetensors", "shard-00002.safetensors"]
    assert list(store._shards._open) == [0, 2]
    same(store, content, np.arange(100))
    assert len(cached(cache)) == 2 or "shard-00003.safetensors" in cached(cache)


def test_a_missing_store_or_bucket_is_refused(url, s3) -> None:
    with pytest.raises(RequestError, match="there is no store at"):
        open_store(url)
    with pytest.raises(RequestError, match="s3://no-such-bucket/x"):
        RemoteFolder("s3://no-such-bucket/x").publish("a", lambda path: path.write_bytes(b"a"))


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = importlib.import_module("fsspec.registry")
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(registry._registry, "s3", raising=False)
    with pytest.raises(RequestError, match=r"pip install 'understudy\[s3\]'"):
        open_store("s3://bucket/x")


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(RequestError, match="nosuch://x/y names no storage that fsspec knows"):
        open_store("nosuch://x/y")
