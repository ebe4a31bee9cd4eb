"""The public names, and that using none of them costs nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import understudy

HEAVY = {
    *("torch", "numpy", "sklearn", "scipy", "pandas", "pyarrow", "pydantic", "transformers"),
    *("datasets", "accelerate", "safetensors", "onnx", "onnxruntime", "jinja2", "PIL", "fsspec"),
}


def loaded_by(*words: str) -> set[str]:
    """The top modules that a fresh interpreter has loaded after running this code."""
    code = "; ".join(
        (*words, "import sys", "print(*{name.partition('.')[0] for name in sys.modules})")
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_importing_understudy_imports_nothing_heavy():
    loaded = loaded_by("import understudy", "dir(understudy)", "understudy.__version__")
    assert loaded & HEAVY == set()
    assert "understudy" in loaded


def test_help_imports_nothing_heavy():
    loaded = loaded_by(
        "import sys",
        "sys.argv = ['understudy', '--help']",
        "from contextlib import suppress",
        "import understudy.cli\nwith suppress(SystemExit): understudy.cli.main()\nimport sys",
    )
    assert loaded & HEAVY == set()
    assert "typer" in loaded


def test_recipes_are_read_without_the_heavy_libraries(tmp_path: Path):
    path = tmp_path / "recipe.yaml"
    path.write_text("data: rows.npz\nteacher: {train: mlp-8}\nstudent: mlp-8\n")
    loaded = loaded_by(
        "import understudy",
        "from pathlib import Path",
        f"assert understudy.read_recipe(Path({str(path)!r})).student == 'mlp-8'",
    )
    assert "torch" not in loaded
    assert "transformers" not in loaded


@pytest.mark.parametrize("name", understudy.__all__)
def test_every_public_name_is_there(name: str):
    assert getattr(understudy, name).__doc__
    assert name in dir(understudy)


def test_the_names_for_type_checkers_are_those_at_run_time():
    tree = ast.parse(Path(understudy.__file__).read_text())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    typed = {
        name.asname or name.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert sorted(typed) == sorted(understudy.__all__)
    for name, home in typed.items():
        module = __import__(home, fromlist=[name])
        assert getattr(module, name) is getattr(understudy, name)


def test_the_public_names_are_few_and_in_order():
    assert len(understudy.__all__) <= 20
    assert understudy.__all__ == sorted(understudy.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'distil'"):
        understudy.distil  # noqa: B018


def test_the_version_is_that_of_the_package():
    from importlib import metadata

    assert understudy.__version__ == metadata.version("understudy")
