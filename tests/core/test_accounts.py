"""What an engine says that it takes is what its process grew by, and what it is done with goes back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from moonscope.model import LuaVersion

MEASURE = """
import sys
from pathlib import Path
from moonscope.engine import Engine
from moonscope.model import LuaVersion, VMOptions
from moonscope.commands import Clear, Close, Load, Spawn

folder, files, vms, holders = Path(sys.argv[1]), *map(int, sys.argv[2:5])
lua, awaited = LuaVersion(sys.argv[5]), int(sys.argv[6])

def grown():  # bytes of its own that are resident: not those of libraries
    resident, of_files = map(int, Path("/proc/self/statm").read_text().split()[1:3])
    return (resident - of_files) * 4096 - start

def settled(engine, awaited):
    # Two samples after the allocator may give pages back again, when that is still to come. The more it costs, the
    # later it is: `awaited` bytes are waited for.
    revision, samples = engine.changes(0).revision, []
    while len(samples) < int(2.5 / INTERVAL) or (grown() > awaited and len(samples) < int(60 / INTERVAL)):
        engine.wait(revision, 20)
        update = engine.changes(revision)
        revision = update.revision
        samples += update.samples
    return samples[-1]

def tell(engine, what, awaited=1 << 40):
    sample = settled(engine, awaited)
    print(what, grown(), sample.shared_bytes, sample.private_bytes, sample.overhead_bytes, flush=True)

INTERVAL, start = 0.1, 0
for number in range(files):
    text = f"local t = {{}} function t.f{number}(a, b) return a + b + {number} end " * 5 + "return t"
    (folder / f"{number}.lua").write_text(text)
with Engine(interval=INTERVAL) as engine:
    start = grown()
    engine.perform(Spawn(count=vms, options=VMOptions(lua=lua)))
    ids = tuple(row.id for row in engine.changes(0).vms)
    engine.perform(Load(paths=(str(folder),), vms=ids[:holders]))
    engine.measure()
    tell(engine, "loaded")
    engine.perform(Close())
    engine.perform(Clear())
    tell(engine, "cleared", awaited)
"""


def measure(
    folder: Path, files: int, vms: int, holders: int, lua: LuaVersion = LuaVersion.LUA54, awaited: int = 1 << 40
) -> dict[str, list[int]]:
    command = [sys.executable, "-c", MEASURE, *map(str, (folder, files, vms, holders)), lua.value, str(awaited)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout.splitlines()
    return {line.split()[0]: [int(number) for number in line.split()[1:]] for line in lines}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("files", "vms", "holders"), [(20, 1_000, 1_000), (10, 4_000, 0), (10_000, 1, 1)])
def test_shared_private_and_overhead_are_the_growth_of_the_process(
    files: int, vms: int, holders: int, tmp_path: Path
) -> None:
    for what, (grown, *parts) in measure(tmp_path, files, vms, holders).items():
        assert sum(parts) == pytest.approx(grown, rel=0.1, abs=4 << 20), (what, grown, parts)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and needs the C library of GNU")
@pytest.mark.parametrize("lua", LuaVersion)
def test_memory_of_closed_vms_goes_back_to_the_system(lua: LuaVersion, tmp_path: Path) -> None:
    told = measure(tmp_path, files=10, vms=2_000, holders=0, lua=lua, awaited=22 << 20)
    assert told["loaded"][0] > 36 << 20
    assert told["cleared"][0] < 24 << 20
