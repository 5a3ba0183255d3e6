"""What the wheel contains: everything that the sources have, and nothing else."""

from __future__ import annotations

import ast
import configparser
import importlib.machinery
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

from moonscope.cli.window import PARTS

PACKAGES = {"core": "moonscope", "gui": "moonscope_gui", "resources": "moonscope_resources"}
LEFT_OUT = {".c", ".h", ".so", ".o", ".pyc"}

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("distributions")]


@pytest.fixture(scope="module")
def wheel(distributions: Path) -> zipfile.ZipFile:
    (file,) = distributions.glob("*.whl")
    return zipfile.ZipFile(file)


@pytest.fixture(scope="module")
def names(wheel: zipfile.ZipFile) -> set[str]:
    return set(wheel.namelist())


def metadata(wheel: zipfile.ZipFile, name: str) -> str:
    (path,) = [path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode()


@pytest.mark.parametrize("folder", PACKAGES)
def test_has_every_file_of_a_package(names: set[str], distributions: Path, folder: str) -> None:
    """A package that the build configuration misses works in an editable install and is absent here."""
    source = distributions.parent / folder
    expected = {
        str(file.relative_to(source))
        for file in (source / PACKAGES[folder]).rglob("*")
        if file.is_file() and file.suffix not in LEFT_OUT
    }
    assert f"{PACKAGES[folder]}/py.typed" in expected
    assert expected <= names


def test_has_the_lua_samples_the_icon_and_the_style(names: set[str]) -> None:
    data = [Path(name) for name in names if name.startswith("moonscope_resources/")]
    for folder, suffix in (("samples", ".lua"), ("icons", ".svg"), ("styles", ".qss")):
        assert any(folder in path.parts and path.suffix == suffix for path in data), folder


def test_has_one_native_library_for_this_python(names: set[str]) -> None:
    (library,) = [name for name in names if name.endswith(".so")]
    assert library == "moonscope/_native/_moonscope" + importlib.machinery.EXTENSION_SUFFIXES[0]


def test_has_nothing_else(names: set[str], project: dict[str, Any]) -> None:
    known = {*PACKAGES.values(), f"moonscope-{project['version']}.dist-info"}
    assert {name.partition("/")[0] for name in names} == known
    assert not [name for name in names if Path(name).suffix in LEFT_OUT - {".so"}]


def test_states_version_license_and_needs(wheel: zipfile.ZipFile, names: set[str], project: dict[str, Any]) -> None:
    stated = Parser().parsestr(metadata(wheel, "METADATA"))
    assert stated["Version"] == project["version"]
    assert stated["License-Expression"] == "MIT"
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    needs = [need for need in stated.get_all("Requires-Dist", []) if "extra" not in need]
    assert len(needs) == len(project["dependencies"])


def test_commands_and_parts_of_the_window_are_functions_that_are_there(wheel: zipfile.ZipFile, names: set[str]) -> None:
    points = configparser.ConfigParser()
    points.read_string(metadata(wheel, "entry_points.txt"))
    assert "moonscope" in points["console_scripts"]
    for target in [*points["console_scripts"].values(), *PARTS.values()]:
        module, _, function = target.partition(":")
        assert function in defined(wheel, names, module), target


def defined(wheel: zipfile.ZipFile, names: set[str], module: str) -> set[str]:
    """The functions at the top level of a module in the wheel."""
    base = module.replace(".", "/")
    file = next(name for name in (f"{base}.py", f"{base}/__init__.py") if name in names)
    found = set()
    for node in ast.parse(wheel.read(file)).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return found
