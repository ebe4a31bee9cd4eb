"""What the terminal shows: bars while a run works, tables when it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

Emit = Callable[[Mapping[str, Any]], None]


@contextmanager
def watching() -> Iterator[Emit]:
    """Bars for whatever goes on inside; yields the function that takes a run's events."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(bar_width=28),
        TextColumn("{task.completed:>6,.0f}/{task.total:,.0f} {task.fields[unit]:<6}"),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Watcher(console, progress).take


class _Watcher:
    """Turns events into bars and lines; events it does not know are left to the log."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self.console = console
        self.progress = progress
        self.bars: dict[str, TaskID] = {}

    def take(self, record: Mapping[str, Any]) -> None:
        """Show one event."""
        show = getattr(self, f"_{record['event'].replace(' ', '_').replace('-', '_')}", None)
        if show is not None:
            show(record)

    def _bar(self, name: str, total: int, unit: str) -> TaskID:
        if name not in self.bars:
            self.bars[name] = self.progress.add_task(name, total=total, unit=unit, note="")
        return self.bars[name]

    def _line(self, mark: str, name: str, note: str) -> None:
        self.console.print(Text(f"{mark} {name:<18} {note}"), highlight=False)

    def _plan(self, record: Mapping[str, Any]) -> None:
        self.console.print(_plan_table(record), highlight=False)

    def _step(self, record: Mapping[str, Any]) -> None:
        name = record["step"]
        if record["state"] == "kept":
            self._line("·", name, "kept from before")
        elif record["state"] == "done":
            for bar in [bar for bar in self.bars if name.startswith(bar)]:
                self.progress.remove_task(self.bars.pop(bar))
            if name != "self-check":  # which has a line of its own
                self._line("✓", name, f"{record['seconds']:.1f} s")

    def _epoch(self, record: Mapping[str, Any]) -> None:
        bar = self._bar(record.get("model", "training"), record["of"], "epochs")
        note = f"loss {record['loss']:.3f}, validation {record['validation']:.2%}"
        self.progress.update(bar, completed=record["epoch"], note=note)

    def _taught(self, record: Mapping[str, Any]) -> None:
        bar = self._bar("knowledge", record["of"], "rows")
        self.progress.update(bar, advance=record["rows"])

    def _asked(self, record: Mapping[str, Any]) -> None:
        bar = self._bar("candidates", record["of"], "texts")
        self.progress.update(bar, total=record["of"], completed=record["done"])

    def _self_check(self, record: Mapping[str, Any]) -> None:
        self._line("✓", "self-check", f"{len(record['passed'])} checks hold on real rows")

    def _probe(self, record: Mapping[str, Any]) -> None:
        self._line("·", "probe", f"{record['objective']}: validation {record['validation']:.2%}")

    def _warning(self, record: Mapping[str, Any]) -> None:
        self._line("!", "warning", record["text"])

    def _damaged_shard(self, record: Mapping[str, Any]) -> None:
        self._line("!", "damaged", f"shard {record['shard']} of the knowledge is asked again")


def show_plan(record: Mapping[str, Any]) -> None:
    """The steps of a plan, and what is left to do."""
    Console().print(_plan_table(record), highlight=False)


def _plan_table(record: Mapping[str, Any]) -> Table:
    left = record["seconds"]
    title = f"Plan: about {_duration(left)} left"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for name, side in (("step", "left"), ("state", "left"), ("rows", "right")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    table.add_column("bytes", justify="right")
    table.add_column("time", justify="right")
    for step in record["steps"]:
        seconds = step["seconds"]
        table.add_row(
            step["name"],
            "there" if step["kept"] else "to do",
            _count(step["rows"]),
            _size(step["bytes"]),
            "" if step["kept"] or seconds is None else _duration(seconds),
        )
    return table


def show_scorecard(card: Mapping[str, Any]) -> None:
    """Every model in one row, then the requirements and the verdict."""
    console = Console()
    metric = card["metric"]
    table = Table(
        title=f"{card['task']}, {card['rows']:,} test rows",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        caption="kept: share of the teacher's quality; broken: right in the teacher, wrong here",
        caption_justify="left",
    )
    table.add_column("model", no_wrap=True)
    for name in (metric, "kept", "broken", "size", "p50", "rows/s"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, model in card["models"].items():
        quality = model["quality"][metric]
        versus = card["comparison"].get(name, {})
        latency = (model.get("latency_ms") or {}).get("p50")
        table.add_row(
            name,
            f"{quality['value']:.2%} ±{(quality['high'] - quality['low']) / 2:.1%}",
            _share(versus.get("quality_retained")),
            _share(versus.get("harmful_flips")),
            _size(model["bytes"]),
            "-" if latency is None else f"{latency:.2f} ms",
            _count(model.get("throughput_per_s")),
        )
    console.print(table, highlight=False)
    for result in card["requirements"]:
        mark = "✓" if result["passed"] else "✗"
        value = "no value" if result["value"] is None else f"{result['value']:.4g}"
        console.print(
            Text(f"{mark} {result['rule']}  ({result['model']}: {value})"), highlight=False
        )
    console.print(Text(card["why"], style="bold"))
    for advice in card.get("advice", []):
        console.print(Text(f"  {advice}"))


def show_comparison(rows: Sequence[Mapping[str, Any]]) -> None:
    """One run a row."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("run")
    for name in ("quality", "kept", "gap", "broken", "size", "p50", "verdict"):
        table.add_column(name, justify="right")
    for row in rows:
        gap = row["recovered_gap"]["value"]
        table.add_row(
            row["run"],
            f"{row['metric']} {row['quality']['value']:.2%}",
            _share(row["quality_retained"]),
            "not defined" if gap is None else f"{gap:.0%}",
            _share(row["harmful_flips"]),
            _size(row["bytes"]),
            f"{row['latency_ms']['p50']:.2f} ms",
            row["verdict"],
        )
    Console().print(table, highlight=False)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _count(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _size(value: float | None) -> str:
    if value is None:
        return "-"
    for unit in ("B", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
