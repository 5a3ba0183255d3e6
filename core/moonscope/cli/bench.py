"""`moonscope bench`: Moonscope's tiers against plain Lua, within one run."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

from ..errors import MoonscopeError, UsageError
from ..model import LuaVersion
from . import chart
from .arguments import choice
from .bench_engine import measure_spawning, measure_workers
from .bench_memory import affordable, measure_memory
from .bench_native import PRIVATE, measure_loads, measure_recording
from .bench_speed import measure_speed
from .bench_tiers import Rival, loadable, make_caches, rivals
from .bench_vms import measure_chain, measure_threads
from .measure import Measure, Target, as_json, summary, table
from .terminal import Advance, Stages, console
from .text import complain, engine_path
from .window import part

EXAMPLES = """\
examples:
  moonscope bench
  moonscope bench src/ --lua 5.5 --plot bench.svg
  moonscope bench --quick --window

The tiers take turns in every round. "Of plain" compares with a plain load in the same round; it moves less
than times do, yet a busy machine moves both: look at the middle half of the values.
"""

ROUNDS, QUICK_ROUNDS = 15, 3
VMS, QUICK_VMS = 1000, 100

Part = Callable[[Advance], list[Measure]]


class Bench:
    """One run: the caches to compare, the files, and what was measured so far."""

    def __init__(self, args: argparse.Namespace, names: Sequence[bytes], folder: Path) -> None:
        self.lua: LuaVersion = args.lua
        self.quick: bool = args.quick
        self.rounds = QUICK_ROUNDS if args.quick else ROUNDS
        self.folder = folder  # for files of its own
        self.caches, self.missing = make_caches(self.lua, args.tiers)
        self.names = loadable(self.lua, names)
        self.measures: list[Measure] = []
        self.left_out: dict[str, str] = {}  # parts that could not be measured, and why

    def parts(self, window: bool) -> list[tuple[str, Part]]:
        """What is measured, in this order."""
        rounds, caches, names = self.rounds, self.caches, self.names
        parts: list[tuple[str, Part]] = [
            ("loads by tier", lambda advance: measure_loads(caches, names, rounds, advance)),
            ("memory of processes", self._memory),
            ("VMs with a chain of modules", lambda advance: measure_chain(caches, self.folder, rounds, advance)),
            ("running speed", lambda advance: measure_speed(self.lua, caches, rounds, advance)),
            ("two threads", lambda advance: measure_threads(caches, names, rounds, advance)),
            ("cached loads, in C", lambda _: measure_recording(self.lua, names, 10 * rounds)),
            ("workers", lambda advance: measure_workers(caches, names, self.folder, rounds, advance)),
            ("spawning", lambda advance: measure_spawning(caches, rounds, advance)),
        ]
        if window:
            parts.append(("the window", lambda _: _window(self.quick)))
        return parts

    def _memory(self, advance: Advance) -> list[Measure]:
        wanted = QUICK_VMS if self.quick else VMS
        added = {Rival(m.tier): m.middle * 1024 for m in self.measures if m.what == PRIVATE}
        vms = {rival: affordable(wanted, added.get(rival, 0.0)) for rival in self.caches}
        return measure_memory(self.caches, self.names, vms, advance)


def main(argv: Sequence[str]) -> int:
    """`moonscope bench`: measure and print. Returns the exit code."""
    args = _parser().parse_args(argv)
    if args.plot is not None:
        chart.check(args.plot)
    with Stages() as stages, tempfile.TemporaryDirectory(prefix="moonscope-bench-") as folder:
        bench = Bench(args, _listed(args.path), Path(folder))
        for rival, why in bench.missing.items():
            complain(f"left out: tier {rival}: {why}")
        for title, work in bench.parts(args.window):
            advance = stages.stage(f"measuring: {title}")
            try:
                bench.measures += work(advance)
            except MoonscopeError as error:
                bench.left_out[title] = str(error)
                complain(f"left out: {title}: {error}")
            advance(1, 1, "")
    _tell(args, bench)
    return 0


def _window(quick: bool) -> list[Measure]:
    """What the window's part measured, as plain values. Raises UnsupportedError without a window."""
    return [
        Measure(what, values, unit, target=Target(sense, bound) if sense else None)
        for what, sense, bound, values, unit in part("bench")(quick)
    ]


def _tell(args: argparse.Namespace, bench: Bench) -> None:
    load = os.getloadavg()[0]
    about = f"{bench.lua.full_name}, {len(bench.names):,} files; {os.cpu_count()} processors, load average {load:.1f}"
    screen = console(sys.stderr if args.json else sys.stdout)
    screen.print(table(bench.measures), soft_wrap=True)
    screen.print(f"\n{summary(bench.measures)}\n\n{about}".lstrip("\n"))
    if args.plot is not None:
        chart.write(args.plot, "Moonscope, tier by tier", about, bench.measures)
    if args.json:
        facts = {
            "lua": bench.lua.value,
            "files": len(bench.names),
            "quick": bench.quick,
            "processors": os.cpu_count(),
            "load_average": load,
            "tiers": list(bench.caches),
            "missing": bench.missing,
            "left_out": bench.left_out,
        }
        print(json.dumps({**facts, "measures": as_json(bench.measures)}))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="moonscope bench",
        description="Measure Moonscope's tiers against plain Lua on this machine, in interleaved rounds.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="PATH", nargs="?", help="Lua file or folder to load (default: bundled samples)")
    choice(parser, "--lua", LuaVersion, LuaVersion.LUA54, "Lua to measure")
    every = ",".join(Rival)
    parser.add_argument("--tiers", type=_tiers, default=every, metavar=every, help="what to compare (default: all)")
    parser.add_argument("--quick", action="store_true", help="few rounds: a look, not a measurement")
    parser.add_argument("--window", action="store_true", help="measure the window too (needs a display)")
    parser.add_argument("--json", action="store_true", help="write one JSON object to stdout, the table to stderr")
    parser.add_argument("--plot", metavar="FILE", help="draw a chart, FILE.svg or FILE.png")
    return parser


def _tiers(text: str) -> tuple[Rival, ...]:
    try:
        return rivals(text)
    except UsageError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _listed(path: str | None) -> list[bytes]:
    """The files to load, as the engine names them. Raises UsageError."""
    if path is None:
        try:
            root = Path(str(files("moonscope_resources"))) / "samples"
        except ModuleNotFoundError:
            raise UsageError("the bundled samples are not installed here: name a folder of Lua files") from None
        return [os.fsencode(file) for file in sorted(root.rglob("*.lua"))]
    engine_path(path)
    found = sorted(Path(path).rglob("*.lua")) if Path(path).is_dir() else [Path(path)]
    names = [os.fsencode(file) for file in found if file.is_file()]
    if not names:
        raise UsageError(f"{path}: no .lua files in this folder")
    return names
