"""`moonscope compare`: two files, or one file under two Luas, prototype by prototype."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence

import msgspec
from rich.text import Text

from .. import bytecode
from ..analysis.compare import compare
from ..analysis.values import Comparison, Match, Place, PrototypeChange, Side
from ..cache.code_cache import CodeCache
from ..errors import MoonscopeError, UsageError
from ..model import LuaVersion, PrototypeTree
from .arguments import choice
from .terminal import console
from .text import complain, engine_path, printable

EXAMPLES = """\
examples:
  moonscope compare old.lua new.lua
  moonscope compare main.lua --lua 5.1 --lua-b 5.4    one file, compiled by two Luas
  moonscope compare old.lua new.lua --json
"""
_STYLES = {Match.SAME: "dim", Match.CHANGED: "yellow", Match.ADDED: "green", Match.REMOVED: "red"}


def main(argv: Sequence[str]) -> int:
    """`moonscope compare`: compare the prototypes of two files or Luas. Returns the exit code."""
    args = _parser().parse_args(argv)
    if args.b is None and args.lua_b is None:
        raise UsageError("there is nothing to compare with: give a second file, or --lua-b for a second Lua")
    path_a, path_b = engine_path(args.a), engine_path(args.a if args.b is None else args.b)
    lua_b = args.lua if args.lua_b is None else LuaVersion(args.lua_b)
    comparison = compare(_tree(path_a, args.lua), _tree(path_b, lua_b))
    if args.json:
        print(msgspec.json.encode(comparison).decode())
    else:
        _show(comparison)
    if comparison.notice:
        complain(f"note: {comparison.notice}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="moonscope compare",
        description="Match the prototypes of two Lua files and print what differs: instructions, constants, bytes.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", metavar="A", help="a Lua file")
    parser.add_argument("b", metavar="B", nargs="?", help="another one (default: A again)")
    choice(parser, "--lua", LuaVersion, LuaVersion.LUA54, "Lua that compiles both")
    known = [each.value for each in LuaVersion]
    parser.add_argument("--lua-b", choices=known, metavar="|".join(known), help="Lua that compiles B (default: as A)")
    parser.add_argument("--json", action="store_true", help="write one JSON object to stdout")
    return parser


def _tree(path: str, lua: LuaVersion) -> PrototypeTree:
    try:
        return bytecode.read(CodeCache(lua).compile(path), lua, path)
    except UsageError as error:  # the command line is right, the file is not
        raise MoonscopeError(str(error)) from error


def _show(comparison: Comparison) -> None:
    out = console(sys.stdout)
    for sign, side in (("-", comparison.a), ("+", comparison.b)):
        out.print(Text(f"{sign} {_side(side)}", style="bold"))
    for change in comparison.changes:
        out.print(Text(_headline(change), style=_STYLES[change.match]))
        for line in _details(change):
            style = {"-": "red", "+": "green"}.get(line.strip()[:1], "dim")
            out.print(Text(f"    {line}", style=style))
    counts = ", ".join(f"{comparison.count(match):,} {match}" for match in Match)
    out.print(Text(f"prototypes: {counts}"))


def _side(side: Side) -> str:
    return (
        f"{printable(side.key)}  ({side.lua.full_name}, {side.prototypes:,} prototypes, "
        f"{side.instructions:,} instructions, {side.size:,} bytes)"
    )


def _headline(change: PrototypeChange) -> str:
    place = change.b or change.a
    name = _name(place) if place is not None else ""
    if change.a is not None and change.b is not None:
        size = f"{change.a.size:,} → {change.b.size:,} bytes" if change.a.size != change.b.size else ""
        renamed = f", was {_name(change.a)}" if change.a.name != change.b.name else ""
        alike = f"{change.similarity:.0%} alike" if change.match is Match.CHANGED else ""
        facts = ", ".join(fact for fact in (alike, size) if fact)
        return f"{change.match:<8} {name}{renamed}" + (f"  ({facts})" if facts else "")
    return f"{change.match:<8} {name}  ({place.size:,} bytes)" if place is not None else ""


def _name(place: Place) -> str:
    if place.line == 0 and not place.path:
        return "main function"
    name = printable(place.name) if place.name else "function"
    return f"{name}  lines {place.line}–{place.last_line}"


def _details(change: PrototypeChange) -> Iterator[str]:
    for hunk in change.hunks:
        yield f"@ {hunk.a_pc:,} → {hunk.b_pc:,}"
        yield from (f"- {printable(text)}" for text in hunk.removed)
        yield from (f"+ {printable(text)}" for text in hunk.added)
    if change.coarse:
        yield "(a stretch is too long to be compared closely; some of its instructions may be equal)"
    yield from (f"- constant {printable(text)}" for text in change.constants_removed)
    yield from (f"+ constant {printable(text)}" for text in change.constants_added)
