"""Making a cache has no effect on the program that makes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from moonscope.cache import runtime
from moonscope.model import LuaVersion

PROGRAM = """
import sys
from moonscope.cache.code_cache import CodeCache
for own in (False, True) if {own} else (False,):
    CodeCache({lua!r}, own=own)
print(sys.stdin.read(), end="")
"""


def test_standard_input_and_files_of_the_user_are_left_alone(lua: LuaVersion, tmp_path: Path) -> None:
    """What a state makes by itself is found out by a script, which must not read or run what is not its own."""
    ran = tmp_path / "ran"
    for name in ("text", "missing", "1", "1.5", "true", "skynet.codecache", "x"):
        (tmp_path / f"{name}.lua").write_text(f"io.open({str(ran)!r}, 'w'):close()")
        (tmp_path / name).write_text(f"io.open({str(ran)!r}, 'w'):close()")
    program = PROGRAM.format(own=runtime.has_own(lua), lua=lua.value)
    done = subprocess.run(
        [sys.executable, "-c", program], input="typed\n", capture_output=True, text=True, cwd=tmp_path, timeout=60
    )
    assert (done.stdout, done.stderr) == ("typed\n", "")
    assert not ran.exists()


@pytest.mark.parametrize("version", [LuaVersion.LUA54, LuaVersion.LUA55])
def test_an_input_that_never_ends_holds_nothing_up(version: LuaVersion) -> None:
    if not runtime.has_own(version):
        pytest.skip("moonscope-runtime is not installed; only its states are asked for their strings")
    program = f"from moonscope.cache.code_cache import CodeCache; CodeCache({version.value!r}, own=True); print('made')"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"made\n"
