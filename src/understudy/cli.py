"""The command line: thin. What it does is in `understudy.pipeline`, how it looks in `screen`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from understudy.recipe.schema import Recipe

app = typer.Typer(
    name="understudy",
    help="Distil a large model into a small one, with proof that it helped.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

REQUEST_IS_WRONG, REQUIREMENT_NOT_MET, INTERRUPTED = 2, 3, 130

RecipeName = Annotated[str, typer.Argument(help="A recipe file, the name of an example, or data.")]
RunFolder = Annotated[Path, typer.Argument(help="A run folder.")]
Out = Annotated[Path | None, typer.Option(help="The run folder; runs/NAME where missing.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override one key: training.epochs=5.")
]
TeacherOption = Annotated[str | None, typer.Option(help="The teacher, where data are given.")]
StudentOption = Annotated[str | None, typer.Option(help="The student, where data are given.")]
AllowCode = Annotated[
    bool, typer.Option("--allow-code", help="Let package.module:function in the recipe run.")
]


@app.command()
def init(
    data: Annotated[str, typer.Argument(help="A data file or folder, or sklearn:NAME.")],
    teacher: TeacherOption = None,
    out: Annotated[Path, typer.Option(help="The recipe to write.")] = Path("recipe.yaml"),
) -> None:
    """Look at data and teacher, and write a commented recipe that runs as it is."""
    from understudy.errors import RequestError
    from understudy.files import write_atomically
    from understudy.recipe.looking import propose

    if out.exists():
        raise RequestError(f"'{out}' exists; name another file with --out")
    write_atomically(out, propose(data, teacher))
    typer.echo(f"wrote {out}; try: understudy plan {out}")


@app.command()
def plan(
    recipe: RecipeName,
    out: Out = None,
    overrides: Overrides = None,
    teacher: TeacherOption = None,
    student: StudentOption = None,
    allow_code: AllowCode = False,
) -> None:
    """Say what would run, what is there already, and how long the rest will take."""
    from understudy import screen
    from understudy.pipeline import running

    asked, root, name = _asked(recipe, overrides, teacher, student)
    with screen.watching() as emit:
        found = running.plan(
            asked, out or Path("runs") / name, root=root, allow_code=allow_code, emit=emit
        )
    screen.show_plan(found.record())


@app.command()
def distill(
    recipe: RecipeName,
    out: Out = None,
    overrides: Overrides = None,
    teacher: TeacherOption = None,
    student: StudentOption = None,
    allow_code: AllowCode = False,
) -> None:
    """Distil: data, teacher, student, control, rivals, export, scorecard, verdict, report."""
    from understudy import screen
    from understudy.pipeline import running

    asked, root, name = _asked(recipe, overrides, teacher, student)
    with screen.watching() as emit:
        run = running.distill(
            asked, out or Path("runs") / name, root=root, allow_code=allow_code, emit=emit
        )
    _finish(run)


@app.command()
def teach(
    recipe: RecipeName,
    out: Out = None,
    overrides: Overrides = None,
    allow_code: AllowCode = False,
) -> None:
    """Only ask the teacher, and keep what it says."""
    from understudy import screen
    from understudy.pipeline import running

    asked, root, name = _asked(recipe, overrides, None, None)
    with screen.watching() as emit:
        kept = running.teach(
            asked, out or Path("runs") / name, root=root, allow_code=allow_code, emit=emit
        )
    typer.echo(f"{kept['rows']:,} rows, {kept['bytes']:,} bytes of knowledge in {kept['root']}")


@app.command()
def evaluate(
    run: RunFolder,
    data: Annotated[str | None, typer.Option(help="New data to score on.")] = None,
    allow_code: AllowCode = False,
) -> None:
    """Score a run again, on its test rows or on new data."""
    from understudy import screen
    from understudy.pipeline import running

    with screen.watching() as emit:
        if data is None:
            scored = running.evaluate(run, allow_code=allow_code, emit=emit)
        else:
            card = running.evaluate_on(run, data, allow_code=allow_code, emit=emit)
    if data is None:
        _finish(scored)
    else:
        screen.show_scorecard(card)
        _leave(shipped=card["verdict"] != "do not ship")


@app.command()
def export(
    run: RunFolder,
    formats: Annotated[list[str], typer.Argument(help="Formats, such as onnx.")],
    allow_code: AllowCode = False,
) -> None:
    """Export the student of a run."""
    from understudy import screen
    from understudy.pipeline import running

    with screen.watching() as emit:
        folders = running.export(run, tuple(formats), allow_code=allow_code, emit=emit)
    for folder in folders:
        typer.echo(folder)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="A run, student or export folder.")],
    data: Annotated[str, typer.Argument(help="Inputs: any file or folder that `data:` can name.")],
    to: Annotated[Path, typer.Option(help="Where to write: .csv, .jsonl or .parquet.")],
) -> None:
    """Answer a file of inputs, and write label and confidence for each."""
    from understudy.pipeline.predicting import predict_file

    count = predict_file(model, data, to)
    typer.echo(f"wrote {count:,} answers to {to}")


@app.command()
def compare(runs: Annotated[list[Path], typer.Argument(help="Run folders.")]) -> None:
    """Put the students of several runs side by side."""
    from understudy import screen
    from understudy.pipeline import running

    screen.show_comparison(running.compare(runs))


@app.command()
def report(run: RunFolder) -> None:
    """Draw the report of a run again."""
    from understudy.pipeline import running

    typer.echo(running.report(run))


@app.command()
def doctor(
    run: Annotated[Path | None, typer.Argument(help="A run whose stored data to verify.")] = None,
    losses: Annotated[bool, typer.Option("--losses", help="Put every loss to its laws.")] = False,
) -> None:
    """Look at this machine and, where one is given, verify every stored byte of a run."""
    from understudy.pipeline.doctor import audited, examine

    healthy = True
    for finding in audited() if losses else examine(run):
        healthy &= finding.good
        typer.echo(f"{'ok  ' if finding.good else 'BAD '} {finding.what}: {finding.found}")
    raise typer.Exit(0 if healthy else REQUEST_IS_WRONG)


@app.command()
def serve(run: RunFolder) -> None:
    """Serve an artefact over HTTP (not there yet)."""
    _not_yet(f"serving '{run}'")


@app.command()
def sweep(recipe: RecipeName) -> None:
    """Train many students on one teacher's knowledge (not there yet)."""
    _not_yet(f"sweeping '{recipe}'")


class Interrupted(BaseException):
    """Ctrl-C; not a KeyboardInterrupt, which the command line library turns into exit code 1."""


def _interrupt(number: int, frame: object) -> None:
    raise Interrupted


def main() -> None:
    """Run the command line; a wrong request is one sentence and exit code 2."""
    from understudy.errors import UnderstudyError

    signal.signal(signal.SIGINT, _interrupt)
    try:
        app(prog_name="understudy")
    except UnderstudyError as error:
        typer.echo(f"understudy: {error}", err=True)
        sys.exit(REQUEST_IS_WRONG)
    except Interrupted:
        typer.echo("understudy: interrupted; the same command continues", err=True)
        sys.exit(INTERRUPTED)


def _not_yet(what: str) -> None:
    from understudy.errors import RequestError

    raise RequestError(f"{what} is not there yet; this version distils, scores and exports")


def _asked(
    name: str, overrides: list[str] | None, teacher: str | None, student: str | None
) -> tuple[Recipe, Path, str]:
    """The recipe that was named or proposed, where its paths begin, and a name for the run."""
    from understudy.pipeline.asking import asked

    return asked(name, overrides or [], teacher, student)


def _finish(run: Any) -> None:
    """Show what came of a run; leave with 3 where a requirement is broken."""
    from understudy import screen

    screen.show_scorecard(run.scorecard)
    typer.echo(f"report: {run.report}")
    _leave(shipped=run.shipped)


def _leave(*, shipped: bool) -> None:
    if not shipped:
        raise typer.Exit(REQUIREMENT_NOT_MET)
