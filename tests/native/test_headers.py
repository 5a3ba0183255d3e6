"""Each header of the C part includes what it needs, and comments name files that are there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sysconfig

import pytest

from .conftest import NATIVE, compiler

# One of each kind: with frozen prototypes, without, and LuaJIT. What lua54.c and its siblings define.
LUAS = {
    "5.4": "-DLUA_TAG=lua54 -DLUA_INDEX=LUA54 -DLUA_VERSION_NUM=504",
    "5.1": "-DLUA_TAG=lua51 -DLUA_INDEX=LUA51 -DLUA_VERSION_NUM=501",
    "LuaJIT 2.1": "-DLUA_TAG=luajit21 -DLUA_INDEX=LUAJIT21 -DLUA_VERSION_NUM=501 -DLUAJIT=21",
}
NAMED = re.compile(r"(?<![\w.])[\w/]+\.(?:inc\.h|h|c)\b")
ELSEWHERE = {"lgc.h", "lobject.h", "lstate.h", "moonscope_hook.h", "malloc.c", "hostile.c", "tests/native/hostile.h"}


def names_in(folder: str, pattern: str) -> list[str]:
    return sorted(str(file.relative_to(NATIVE)) for file in (NATIVE / folder).glob(pattern))


def compile_alone(header: str, *flags: str) -> str:
    """What the compiler says of a file that includes nothing but this header; empty when it is content."""
    command = [*compiler(), "-std=c11", "-D_GNU_SOURCE", f"-I{NATIVE}", f"-I{sysconfig.get_path('include')}", *flags]
    command += ["-Werror=implicit-function-declaration", "-fsyntax-only", "-w", "-x", "c", "-"]
    return subprocess.run(command, input=f'#include "{header}"\n', text=True, capture_output=True, check=False).stderr


@pytest.mark.parametrize("header", [name for name in names_in(".", "*/*.h") if not name.endswith(".inc.h")])
def test_a_header_needs_no_other_before_it(header: str) -> None:
    assert compile_alone(header) == ""


@pytest.mark.slow
@pytest.mark.parametrize("lua", LUAS)
def test_a_body_compiled_once_per_lua_needs_no_other_before_it(lua: str) -> None:
    flags = shlex.split(LUAS[lua])
    bodies = included_by("lua/per_lua.inc.h", flags)
    assert len(bodies) > 20
    assert {body: said for body in bodies if (said := compile_alone(body, *flags))} == {}


def included_by(header: str, flags: list[str]) -> list[str]:
    """The bodies that a compiler reads with these flags."""
    command = [*compiler(), "-D_GNU_SOURCE", f"-I{NATIVE}", *flags, "-MM", "-x", "c", str(NATIVE / header)]
    read = subprocess.run(command, text=True, capture_output=True, check=True).stdout
    return sorted(set(re.findall(r"lua/\w+\.inc\.h", read)) - {header})


@pytest.mark.parametrize("file", names_in(".", "*/*.[ch]"))
def test_comments_name_files_that_exist(file: str) -> None:
    text = (NATIVE / file).read_text()
    comments = "\n".join(re.findall(r"/\*.*?\*/", text, re.DOTALL))
    there = {name for path in NATIVE.rglob("*.[ch]") for name in (path.name, str(path.relative_to(NATIVE)))}
    assert {name for name in NAMED.findall(comments) if name not in there | ELSEWHERE} == set()
