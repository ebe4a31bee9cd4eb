"""The report as one HTML file, which needs no network, no script and nothing beside it."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.files import write_atomically
from understudy.report.drawing import sign
from understudy.report.figures import count, share
from understudy.report.glossary import explained
from understudy.report.material import Material
from understudy.report.page import page_of

if TYPE_CHECKING:
    from jinja2 import Template

HERE = Path(__file__).parent


def write(material: Material, path: Path) -> None:
    """Write the report of a run, whole or not at all."""
    write_atomically(path, render(material).encode("utf-8", "replace"))


def render(material: Material) -> str:
    """The report of a run as HTML. Whatever is missing is shown as a dash or left out."""
    style = (HERE / "report.css").read_text("utf-8")
    return _template().render(
        page=page_of(material),
        style=style,
        policy=_policy(style),
        sign=sign,
        share=share,
        count=count,
        explained=explained,
    )


def _policy(style: str) -> str:
    """What a browser may do with the page: apply this very style, show inline pictures."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(HERE),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("report.html.jinja")
