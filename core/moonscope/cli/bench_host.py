"""A busy host for the measurement of the window: `python -m moonscope.cli.bench_host VMS FILES SECONDS`.

Serves an engine of its own and, every SECONDS, makes something change in every VM and in every file. Prints its
address as the first line and ends when its stdin ends.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

from ..commands import Load, RunChunk, Spawn
from ..engine import Engine
from ..host import serve
from ..model import VMOptions
from ..model.names import to_text


def main() -> int:
    """A host with VMs and files, for measuring; arguments: VMs, files, seconds between samples."""
    vms, files, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    ended = threading.Event()
    with tempfile.TemporaryDirectory(prefix="moonscope-bench-") as folder:
        paths = tuple(_write(Path(folder) / f"file_{n}.lua", n) for n in range(files))
        with Engine(workers=1, interval=seconds) as engine, serve(engine) as server:
            ids = _spawned(engine, vms)
            engine.perform(Load(paths=paths, vms=ids[:1]))
            print(server.address, flush=True)
            threading.Thread(target=_await_end, args=(ended,), daemon=True).start()
            due = time.monotonic() + seconds
            for turn in itertools.count(1):
                if ended.wait(max(0.0, due - time.monotonic())):
                    break
                due += seconds
                engine.perform(RunChunk(vms=ids, source=f"kept = string.rep('x', {turn * 10})"))
                engine.perform(Load(paths=paths, vms=(ids[turn % len(ids)],)))
    return 0


def _spawned(engine: Engine, count: int) -> tuple[int, ...]:
    return engine.perform(Spawn(count=count, options=VMOptions())).vms


def _write(path: Path, n: int) -> str:
    path.write_text(f"local function step(x) return x + {n} end\nreturn {{ step = step, name = 'file {n}' }}\n")
    return to_text(os.fsencode(path))


def _await_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    sys.exit(main())
