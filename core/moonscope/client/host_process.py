"""The host that a window starts for itself, as a child process."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import site
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO

from ..errors import ConnectionLost
from ..wire import Forkable, forget_in_child, parse_address, remove_traces

_TAIL_LINES = 20  # of stderr, for error texts


@dataclass(frozen=True)
class _Place:
    """Where the host listens."""

    address: str
    key_file: Path


class HostProcess(Forkable):
    """One child process with an engine. It ends with `stop`, by Shutdown, or when this process is gone. A fork of this
    process has no hold on it.

    What the child writes to stderr appears on ours. A killed or crashed host is not restarted: make a new one.
    """

    def __init__(self, options: Sequence[str] = ()) -> None:
        """`options` go to the command line of `moonscope host`, for example `("--workers", "4")`."""
        self._options = tuple(options)
        self._pid = os.getpid()
        self._process: subprocess.Popen[str] | None = None
        self._started = False
        self._place: _Place | None = None
        self._stderr: deque[str] = deque(maxlen=_TAIL_LINES)
        self._echo: threading.Thread | None = None

    def launch(self) -> None:
        """Start the child without waiting for it; `start` does that later. Raises ConnectionLost when it cannot."""
        if self._process is not None:
            raise RuntimeError("a HostProcess starts once")
        # -P: modules of the current directory, which may be anybody's, are not imported. A session of its own:
        # Ctrl-C in the terminal is for the window, which then ends the host in order.
        command = [sys.executable, "-P", "-m", "moonscope.host", "--embedded", *self._options]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
                env=_environment(),
            )
        except OSError as error:
            raise ConnectionLost(f"the host did not start: {sys.executable}: {error.strerror}") from error
        forget_in_child(self)
        assert self._process.stderr is not None
        echo = threading.Thread(target=self._read_stderr, args=(self._process.stderr,), daemon=True)
        self._begin(echo)
        self._echo = echo

    def start(self, timeout: float = 20.0) -> str:
        """Launch the child unless that was done; returns its address as soon as it serves. Once only, and not on a GUI
        thread: it waits.

        Raises ConnectionLost with the child's own words when it ends, or is silent for `timeout` seconds.
        """
        if self._started:
            raise RuntimeError("a HostProcess starts once")
        self._started = True
        if self._process is None:
            self.launch()
        assert self._process is not None and self._process.stdout is not None
        line = self._first_line(self._process.stdout, timeout)
        try:
            where = json.loads(line)
            self._place = _Place(where["address"], Path(where["key_file"]))
        except (ValueError, TypeError, KeyError) as error:
            raise ConnectionLost(self._why_not_started(line, timeout)) from error
        return self._place.address

    @property
    def pid(self) -> int:
        """Of the child; 0 before it was started."""
        return self._process.pid if self._process else 0

    @property
    def address(self) -> str:
        """Where it serves; "" before it does."""
        return self._place.address if self._place else ""

    @property
    def key_file(self) -> Path | None:
        """The file with the key of the host; None until it runs."""
        return self._place.key_file if self._place else None

    def poll(self) -> int | None:
        """The child's exit code, negative for a signal; None while it runs or before it was started."""
        return self._process.poll() if self._process else None

    def wait(self, timeout: float = 0.0) -> str:
        """How the child ended, to follow "the host": "was killed by signal 9 (SIGKILL)"; "" when it still runs.

        A connection is lost a moment before its process is gone: give it a second after a loss.
        """
        if self._process is None:
            return ""
        try:
            return _in_words(self._process.wait(timeout))
        except subprocess.TimeoutExpired:
            return ""

    @property
    def last_words(self) -> str:
        """The last lines the child wrote to stderr."""
        return "".join(self._stderr).strip()

    def stop(self, timeout: float = 5.0) -> None:
        """End the child, in order if it can, by force after `timeout` seconds, and remove what it left. Idempotent."""
        process = self._process
        if process is None or os.getpid() != self._pid:
            return
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()  # the child's sign to end
        for end in (process.terminate, process.kill):
            try:
                process.wait(timeout)
                break
            except subprocess.TimeoutExpired:
                end()
        process.wait()
        if self._echo is not None:
            self._echo.join(1.0)  # a process that a Lua script started may still hold the pipe
        if self._place is not None:  # a killed host cannot clean up
            remove_traces(parse_address(self._place.address), self._place.key_file)

    def forget(self) -> None:
        """In a fork: the host ends when the other end of its stdin is closed, which is our parent's to do."""
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def __enter__(self) -> HostProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read_stderr(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._stderr.append(line)
                with contextlib.suppress(OSError, ValueError, AttributeError):  # ours may be closed, or not be there
                    sys.stderr.write(line)

    def _first_line(self, stream: IO[str], timeout: float) -> str:
        """ "" when the stream ends or nothing comes in time."""
        lines: SimpleQueue[str] = SimpleQueue()

        def read() -> None:
            with stream:
                lines.put(stream.readline())

        self._begin(threading.Thread(target=read, daemon=True))
        try:
            return lines.get(timeout=timeout)
        except Empty:
            return ""

    def _begin(self, thread: threading.Thread) -> None:
        try:
            thread.start()
        except RuntimeError as error:
            self.stop(0.5)
            assert self._process is not None
            for stream in filter(None, (self._process.stdout, self._process.stderr)):
                stream.close()
            raise ConnectionLost(f"the host cannot be listened to: {error}") from error

    def _why_not_started(self, line: str, timeout: float) -> str:
        reason = self.wait(1.0) or f"did not say within {timeout:g} seconds where it listens"
        self.stop(0.5)
        words = [f"the host {reason} before it could be used"]
        if line:
            words.append(f"it said: {line.strip()}")
        if self.last_words:
            words.append(self.last_words)
        return "\n".join(words)


def _environment() -> dict[str, str]:
    """Ours, so made that the child finds the very package we are, even by a relative PYTHONPATH after a chdir."""
    root = str(Path(__file__).parents[1])
    if root in site.getsitepackages():
        return dict(os.environ)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path}


def _in_words(code: int) -> str:
    if code == 0:
        return "ended normally"
    if code > 0:
        return f"ended with exit code {code}"
    try:
        name = f" ({signal.Signals(-code).name})"
    except ValueError:
        name = ""
    return f"was killed by signal {-code}{name}"
