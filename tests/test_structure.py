"""Laws of the house that are about its shape: each a few lines over the syntax tree."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "understudy"
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in FILES}

MODULES = {
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in FILES
}

ROOMS = (
    "errors",
    "files",
    "objectives",
    "students",
    "store",
    "data",
    "tasks",
    "teachers",
    "training",
    "evaluation",
    "export",
    "requirements",
    "loading",
    "report",
    "recipe",
    "pipeline",
    "screen",
    "cli",
    "__main__",
)
"""In the order in which data pass through them: a room imports only from rooms before it."""

SETTINGS = {"understudy.training.settings", "understudy.data.settings"}
"""Plain records of a recipe, which any room may name."""

WITHOUT_A_TEST = {"__init__.py", "__main__.py", "settings.py"}


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(tree: ast.Module) -> Iterator[str]:
    """The modules of this package that a file imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("understudy"):
            for name in node.names:
                inner = f"{node.module}.{name.name}"
                yield inner if inner in MODULES else node.module or ""
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("understudy"))


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_one_way(path: Path):
    here = room(path)
    if here == "__init__":
        return
    for module in imports(TREES[path]):
        if module in SETTINGS or module == "understudy":
            continue
        there = module.split(".")[1]
        assert ROOMS.index(there) <= ROOMS.index(here), f"{here} imports {module}"


def test_no_file_imports_itself_in_a_circle():
    edges = {
        name: {
            module
            for node in TREES[path].body
            if not isinstance(node, ast.If)  # if TYPE_CHECKING
            for module in imports(ast.Module([node], []))
            if module != name
        }
        for name, path in MODULES.items()
    }
    state: dict[str, str] = {}

    def visit(module: str, way: tuple[str, ...]) -> None:
        if state.get(module) == "open":
            raise AssertionError(" -> ".join((*way, module)))
        if state.get(module) is None:
            state[module] = "open"
            for other in edges.get(module, ()):
                visit(other, (*way, module))
            state[module] = "done"

    for module in edges:
        visit(module, ())


def test_files_and_functions_stay_short():
    lengths = {path: len(path.read_text().splitlines()) for path in FILES}
    assert statistics.median(lengths.values()) <= 150
    assert {path.name: length for path, length in lengths.items() if length > 400} == {}
    long = {
        f"{path.name}:{node.name}": node.end_lineno - node.lineno + 1
        for path, node in functions()
        if (node.end_lineno or 0) - node.lineno + 1 > 60
    }
    assert long == {}


def test_keyword_arguments_are_named():
    loose = [node.name for _, node in functions() if node.args.kwarg is not None]
    assert len(loose) < 0.05 * len(list(functions()))


def test_no_file_has_a_name_that_says_nothing():
    assert {path.stem for path in FILES} & {"utils", "util", "common", "helpers", "misc"} == set()


def test_every_source_file_has_its_test():
    missing = [
        str(path.relative_to(SOURCE))
        for path in FILES
        if path.name not in WITHOUT_A_TEST
        and not (ROOT / "tests" / path.relative_to(SOURCE).with_name(f"test_{path.name}")).is_file()
    ]
    assert missing == []


def test_every_public_function_and_class_says_what_it_is():
    silent = []
    for path, tree in TREES.items():
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
            if public and not ast.get_docstring(node):
                silent.append(f"{path.relative_to(SOURCE)}:{node.name}")
    assert silent == []


def test_every_formula_states_its_shapes_and_its_source():
    formulas = [
        (path.name, node)
        for path, tree in TREES.items()
        if path.is_relative_to(SOURCE / "objectives")
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name[0] != "_"
        and [argument.arg for argument in node.args.args[:1]] == ["student"]
    ]
    assert formulas
    for name, node in formulas:
        text = ast.get_docstring(node) or ""
        for heading in ("Shapes:", "Source:"):
            assert heading in text, f"{name}: {node.name} has no '{heading}'"


def test_every_field_of_a_record_is_read_somewhere():
    read = {
        node.attr
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    } | {
        node.value
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    templates = " ".join(path.read_text() for path in SOURCE.rglob("*.jinja"))
    unread = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or not _is_record(node):
                continue
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                    name = item.target.id
                    if name not in read and f".{name}" not in templates:
                        unread.append(f"{path.name}:{node.name}.{name}")
    assert unread == []


def _is_record(node: ast.ClassDef) -> bool:
    return any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list)


def test_no_file_reads_a_pickle():
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {name.name for name in node.names} | {getattr(node, "module", None)}
                assert not names & {"pickle", "joblib", "dill", "cloudpickle"}, path
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load"):
                text = ast.unparse(node)
                assert "weights_only=True" in text or "allow_pickle=False" in text, path
