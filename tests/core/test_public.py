"""What a program gets from `import moonscope`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import moonscope
from moonscope.bytecode import read
from moonscope.commands import InspectFile
from moonscope.engine import Engine


def test_every_public_name_is_there() -> None:
    for name in moonscope.__all__:
        assert getattr(moonscope, name) is not None, name


def modules_after(statement: str) -> set[str]:
    """The top-level modules that a fresh Python has after a statement."""
    script = f"import sys; {statement}; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.check_output([sys.executable, "-c", script], text=True).split())


def test_importing_is_light() -> None:
    assert modules_after("import moonscope") & {"lupa", "psutil", "PySide6"} == set()


def test_the_engine_needs_no_qt() -> None:
    modules = modules_after("import moonscope; moonscope.Engine().close()")
    assert "lupa" in modules
    assert "PySide6" not in modules


def test_a_file_is_inspected_without_being_stored(engine: Engine, write: Callable[[str, str], str]) -> None:
    path = write("a.lua", "local function f() return function() end end return f")
    result = engine.perform(InspectFile(path=path))
    assert (result.key, read(result.dump, result.lua).root.total, result.generation) == (path, 3, None)
    assert engine.changes(0).files == ()
