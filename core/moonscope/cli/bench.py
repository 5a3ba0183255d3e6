"""`moonscope bench`: Moonscope against plain Lua, as ratios within one run."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ..errors import UnsupportedError, UsageError
from ..model import LuaVersion
from .arguments import choice
from .bench_engine import measure_spawning, measure_workers
from .bench_native import measure_native
from .measure import Measure, as_json, table
from .terminal import Stages, console
from .text import complain, engine_path
from .window import part

EXAMPLES = """\
examples:
  moonscope bench
  moonscope bench src/ --lua 5.5
  moonscope bench --quick --window

Ratios move less than times do, yet a busy machine moves both: look at the spread. A missed target is no
error, the exit code stays 0.
"""

GENERATED = 120  # files, where no PATH is given

_MODULE = """\
-- module {n}: what a small library looks like
local M = {{ name = "module {n}", size = {n} }}
{functions}
return M
"""

_FUNCTION = """
function M.step_{k}(items, limit)
  local found, total = {{}}, 0
  for i, item in ipairs(items) do
    if item.weight and item.weight > (limit or {k}) then
      found[#found + 1] = string.format("%s: %d", item.name, i)
      total = total + item.weight
    end
  end
  table.sort(found, function(a, b) return a < b end)
  return found, total, "module {n}, step {k}"
end
"""


def main(argv: Sequence[str]) -> int:
    args = _parser().parse_args(argv)
    rounds = 5 if args.quick else 21
    measures: list[Measure] = []
    with Stages() as stages, tempfile.TemporaryDirectory(prefix="moonscope-bench-") as folder:
        names = _listed(args.path) if args.path is not None else _generated(Path(folder))
        parts: list[tuple[str, Callable[[], list[Measure]]]] = [
            ("cached loads, in C", lambda: measure_native(args.lua, names, 10 * rounds)),
            ("workers", lambda: measure_workers(args.lua, names, rounds)),
            ("spawning", lambda: measure_spawning(args.lua, rounds)),
        ]
        if args.window:
            parts.append(("the window", lambda: [Measure(*taken) for taken in part("bench")(args.quick)]))
        for title, work in parts:
            advance = stages.stage(f"measuring: {title}")
            try:
                measures += work()
            except UnsupportedError as error:
                complain(f"left out: {title}: {error}")
            advance(1, 1, "")
    console(sys.stderr if args.json else sys.stdout).print(table(measures))
    if args.json:
        about = {"lua": args.lua.value, "files": len(names), "quick": args.quick}
        print(json.dumps({**about, "ratios": as_json(measures)}))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="moonscope bench",
        description="Measure Moonscope against plain Lua on this machine, in interleaved rounds.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="PATH", nargs="?", help="Lua file or folder to load (default: generated files)")
    choice(parser, "--lua", LuaVersion, LuaVersion.LUA54, "Lua to measure")
    parser.add_argument("--quick", action="store_true", help="few rounds: a look, not a measurement")
    parser.add_argument("--window", action="store_true", help="measure the window too (needs a display)")
    parser.add_argument("--json", action="store_true", help="write one JSON object to stdout, the table to stderr")
    return parser


def _listed(path: str) -> list[bytes]:
    engine_path(path)
    found = sorted(Path(path).rglob("*.lua")) if Path(path).is_dir() else [Path(path)]
    names = [os.fsencode(file) for file in found if file.is_file()]
    if not names:
        raise UsageError(f"{path}: no .lua files in this folder")
    return names


def _generated(folder: Path) -> list[bytes]:
    """Files of the size and kind of small libraries, the same in every run."""
    for n in range(GENERATED):
        functions = "".join(_FUNCTION.format(n=n, k=k) for k in range(2 + n % 12))
        (folder / f"module_{n}.lua").write_text(_MODULE.format(n=n, functions=functions))
    return [os.fsencode(file) for file in sorted(folder.iterdir())]
