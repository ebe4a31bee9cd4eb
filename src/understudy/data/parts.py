"""Sources that hold several parts: `path@test` names one."""

from __future__ import annotations

from collections.abc import Collection

from understudy.errors import RequestError, did_you_mean

NAMES = ("train", "test", "validation", "valid", "val", "dev")
"""What folders and arrays that stand for parts are called."""


def choose(parts: Collection[str], asked: str | None, origin: str) -> str:
    """The part asked for; else `train`, or the only one.

    Raises: RequestError for a part that is not there, or where it is unclear which is meant.
    """
    if asked is not None:
        if asked not in parts:
            raise RequestError(
                f"{origin} has no part '{asked}' (it has {', '.join(parts)}); "
                f"{did_you_mean(asked, parts)}"
            )
        return asked
    if "train" in parts:
        return "train"
    if len(parts) == 1:
        return next(iter(parts))
    raise RequestError(
        f"{origin} has the parts {', '.join(parts)}; write {origin}@PART for the one that is meant"
    )
