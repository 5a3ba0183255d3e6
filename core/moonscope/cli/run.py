"""`moonscope run`: load every file in many VMs and print what sharing gave."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import msgspec

from ..engine import Engine
from ..model import CacheMode, Libraries, LuaVersion, Sharing, VMOptions
from .arguments import choice, positive, size
from .report import RunReport, table
from .terminal import Interrupts, Stages, console
from .text import complain, engine_path
from .workload import Workload

EXAMPLES = """\
examples:
  moonscope run src/ --vms 1000
  moonscope run src/ main.lua --vms 100 --lua 5.5 --workers 4
  moonscope run src/ --vms 100 --mode off          the same without the cache
  moonscope run src/ --vms 100 --json > result.json

Files that cannot be loaded are named on stderr and counted; the rest goes on and the exit code stays 0.
With --json the table goes to stderr and one JSON object to stdout.
"""


def main(argv: Sequence[str]) -> int:
    """`moonscope run`: run files in VMs that share prototypes. Returns the exit code."""
    args = _parser().parse_args(argv)
    paths = [engine_path(path) for path in args.paths]
    options = VMOptions(
        lua=args.lua, mode=args.mode, sharing=args.sharing, libraries=args.libraries, memory_cap=args.memory_cap
    )
    engine = Engine(workers=args.workers, cache_bytes=args.cache_bytes, cache_files=args.cache_files)
    with Interrupts() as interrupts, engine, Stages() as stages:
        report = Workload(engine, stages, interrupts.cancelled).run(paths, args.vms, options)
    _tell(report, json=args.json)
    return 130 if report.interrupted else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="moonscope run",
        description="Load every .lua file under PATH in each of N VMs, keep it there, and print what sharing gave.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", help="Lua files, or folders to search for .lua files")
    parser.add_argument("--vms", metavar="N", type=positive, required=True, help="how many VMs to spawn")
    choice(parser, "--mode", CacheMode, CacheMode.ON, "cache mode of the VMs")
    choice(parser, "--lua", LuaVersion, LuaVersion.LUA54, "Lua of the VMs")
    choice(parser, "--sharing", Sharing, Sharing.AUTO, "how functions are shared")
    sets = "restricted: no debug, C libraries, binary chunks; pure: no io and little of os either"
    choice(parser, "--libraries", Libraries, Libraries.ALL, f"standard libraries of the VMs; {sets}")
    parser.add_argument("--workers", metavar="N", type=positive, default=2, help="worker threads (default: 2)")
    parser.add_argument("--memory-cap", metavar="BYTES", type=size, help="most memory of each VM, e.g. 8M")
    parser.add_argument("--cache-bytes", metavar="BYTES", type=size, default=0, help="most that the cache stores")
    parser.add_argument("--cache-files", metavar="N", type=positive, default=0, help="most files that the cache stores")
    parser.add_argument("--json", action="store_true", help="write one JSON object to stdout")
    return parser


def _tell(report: RunReport, *, json: bool) -> None:
    for failure in report.failures:
        named = failure.path in failure.message
        complain(failure.message if named else f"{failure.path}: {failure.message}")
    if not report.files and not report.failures and not report.interrupted:
        complain("there is no .lua file in these folders")
    if report.interrupted:
        complain("interrupted; this is what was done until then")
    console(sys.stderr if json else sys.stdout).print(table(report))
    if json:
        print(msgspec.json.encode(report).decode())
