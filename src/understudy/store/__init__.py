"""The column store: prepared inputs, knowledge and predictions on disk. See docs/format.md."""

from understudy.store.codecs import bits_for
from understudy.store.index import JSON, Column, Index, rows_per_shard_for
from understudy.store.ragged import Array, Ragged, Values
from understudy.store.sidecar import Sidecar
from understudy.store.store import Store, create, open_store, store_exists

__all__ = [
    "JSON",
    "Array",
    "Column",
    "Index",
    "Ragged",
    "Sidecar",
    "Store",
    "Values",
    "bits_for",
    "create",
    "open_store",
    "rows_per_shard_for",
    "store_exists",
]
