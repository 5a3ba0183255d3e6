"""The command as such: help, version, what opens the window, pipes, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from .conftest import SECONDS, Command

COMMANDS = ("run", "inspect", "check", "compare", "bench", "host", "attach")


def test_help_names_the_commands_examples_and_exit_codes(moonscope: Command) -> None:
    done = moonscope("--help")
    assert done.returncode == 0
    for command in (*COMMANDS, "demo"):
        assert f"\n  {command} " in done.stdout
    assert "examples:" in done.stdout
    assert "exit codes: 0 " in done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(moonscope: Command, command: str) -> None:
    done = moonscope(command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"usage: moonscope {command} ")
    assert f"\nexamples:\n  moonscope {command}" in done.stdout


def test_version(moonscope: Command) -> None:
    from moonscope import __version__

    assert moonscope("--version").stdout == f"moonscope {__version__}\n"


@pytest.mark.parametrize("path", ["nowhere", "./run", "runs"])
def test_what_is_no_command_is_a_path_and_must_exist(moonscope: Command, path: str) -> None:
    done = moonscope(path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"moonscope: error: {path}: no such file or folder\n"


def test_a_missing_key_file_is_told_before_a_window_opens(moonscope: Command) -> None:
    done = moonscope("attach", "tcp:127.0.0.1:1", "--key-file", "nowhere.key")
    assert done.returncode == 2
    assert "nowhere.key: no such file" in done.stderr


@pytest.mark.parametrize("command", [[], ["attach", "tcp:127.0.0.1:1"], ["demo"]])
def test_without_qt_the_window_says_what_to_install(moonscope: Command, tmp_path: Path, command: list[str]) -> None:
    missing = "raise ModuleNotFoundError(\"No module named 'PySide6'\", name='PySide6')"
    (tmp_path / "PySide6.py").write_text(missing)
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in [str(tmp_path), *sys.path] if entry)
    done = moonscope(*command, env={"PYTHONPATH": path})
    assert done.returncode == 1
    assert "pip install PySide6-Essentials" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(find_spec("PySide6") is None, reason="the window is not installed here")
@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="there is always a display")
@pytest.mark.parametrize("command", [[], ["attach", "tcp:127.0.0.1:1"], ["demo"]])
def test_without_a_display_the_window_says_what_needs_none(moonscope: Command, command: list[str]) -> None:
    done = moonscope(*command, env={"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""})
    assert done.returncode == 1
    assert done.stderr.startswith("moonscope: error: there is no display ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_reader_that_stops_early_is_no_error(moonscope: Command, library: Path) -> None:
    (library / "long.lua").write_text("return {\n" + "function() end,\n" * 20_000 + "}")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "moonscope", "inspect", str(library / "long.lua")],
            stdout=writer,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            timeout=SECONDS,
        )
    finally:
        os.close(writer)
    assert done.returncode == 0
    assert done.stderr == ""


def test_names_that_the_terminal_cannot_show_are_escaped(moonscope: Command, tmp_path: Path) -> None:
    (tmp_path / "中文.lua").write_text("return 1")
    done = moonscope("inspect", "中文.lua", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert done.stdout.startswith(r"\u4e2d\u6587.lua")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is no signal there")
def test_ctrl_c_ends_with_what_was_done(library: Path) -> None:
    """More work than anybody waits for, on a terminal, and Ctrl-C as soon as the VMs load."""
    for number in range(400):
        (library / f"more{number}.lua").write_text("return {" + "function() end," * 200 + "}")
    terminal, end = os.openpty()
    run = subprocess.Popen(
        [sys.executable, "-m", "moonscope", "run", str(library), "--vms", "2000", "--json"],
        stdout=subprocess.PIPE,
        stderr=end,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(end)
    seen = _read_until(terminal, b"one by one")
    run.send_signal(signal.SIGINT)
    seen += _read_until(terminal, None)
    os.close(terminal)
    output, _ = run.communicate(timeout=SECONDS)
    found = json.loads(output)
    assert run.returncode == 130
    assert (found["interrupted"], found["files"], found["vms"]) == (True, 412, 2000)
    assert 0 < found["hits"] + found["misses"] < 412 * 2000
    assert b"interrupted; this is what was done until then" in seen
    assert b"Traceback" not in seen


def _read_until(terminal: int, text: bytes | None) -> bytes:
    """What a process writes to a terminal, until `text` was in it or, without one, the process has ended."""
    seen = b""
    while text is None or text not in seen:
        try:
            chunk = os.read(terminal, 65_536)
        except OSError:  # Linux's way to say that nobody holds the other end any more
            chunk = b""
        if not chunk:
            assert text is None, seen
            break
        seen += chunk
    return seen
