"""`moonscope inspect FILE`: the prototypes of a Lua file, as a tree, as JSON or as the reference listing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.tree import Tree

from .. import bytecode
from ..commands import InspectFile
from ..engine import Engine
from ..errors import MoonscopeError, UsageError
from ..model import LuaVersion, Prototype, PrototypePath, PrototypeTree, walk
from .arguments import choice, positive
from .terminal import cell, console
from .text import complain, engine_path, printable

EXAMPLES = """\
examples:
  moonscope inspect main.lua
  moonscope inspect main.lua --lua 5.5 --depth 1
  moonscope inspect main.lua --listing
  moonscope inspect main.lua --listing --lua luajit2.1
  moonscope inspect main.lua --json
"""


def main(argv: Sequence[str]) -> int:
    """`moonscope inspect`: print the prototypes of a file. Returns the exit code."""
    args = _parser().parse_args(argv)
    path = engine_path(args.file)
    if not Path(args.file).is_file():
        raise UsageError(f"{printable(path)} is no file; give one Lua file")
    tree = _inspect(path, args.lua)
    if args.json:
        print(bytecode.as_json(tree).decode())
    elif args.listing:
        print(bytecode.listing(tree), end="")
    else:
        console(sys.stdout).print(_drawn(tree, args.depth))
    if tree.notice:
        complain(f"note: {tree.notice}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="moonscope inspect",
        description="Print the prototypes (functions) of a Lua file. The file is compiled, not run.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="a Lua file")
    choice(parser, "--lua", LuaVersion, LuaVersion.LUA54, "Lua that compiles it")
    parser.add_argument("--depth", metavar="N", type=positive, help="show only N levels of nested functions")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="everything, as one JSON object")
    form.add_argument(
        "--listing", action="store_true", help="the listing that luac -l -l prints; for LuaJIT, luajit -bl"
    )
    return parser


def _inspect(path: str, lua: LuaVersion) -> PrototypeTree:
    with Engine(workers=1) as engine:
        try:
            chunk = engine.perform(InspectFile(path=path, lua=lua))
        except UsageError as error:  # the command line is right, the file is not
            raise MoonscopeError(str(error)) from error
    return bytecode.read(chunk.dump, chunk.lua, chunk.key)


def _drawn(tree: PrototypeTree, depth: int | None) -> Tree:
    root = tree.root
    count = f"{root.total:,} prototype" + ("s" if root.total > 1 else "")
    top = Tree(cell(f"{printable(tree.key)}  ({tree.lua.full_name}, {count})", "bold"), guide_style="dim")
    branches: dict[PrototypePath, Tree] = {}
    for path, prototype in walk(root):
        if depth is None or len(path) <= depth:
            line = cell(_title(prototype))
            line.append("  " + _facts(prototype), "dim")
            branches[path] = (branches[path[:-1]] if path else top).add(line)
    return top


def _title(prototype: Prototype) -> str:
    if prototype.line == 0:
        return "main function"
    lines = f"lines {prototype.line}\N{EN DASH}{prototype.last_line}"
    return f"function {printable(prototype.name)}  {lines}" if prototype.name else f"function  {lines}"


def _facts(prototype: Prototype) -> str:
    parameters = f"{prototype.parameters}+" if prototype.vararg else str(prototype.parameters)
    numbers = (
        (parameters, "parameter"),
        (f"{len(prototype.code):,}", "instruction"),
        (f"{len(prototype.constants):,}", "constant"),
        (f"{len(prototype.upvalues):,}", "upvalue"),
        (f"{len(prototype.locals):,}", "local"),
        (f"{prototype.size:,}", "byte"),
    )
    return ", ".join(f"{number} {noun}" + ("" if number == "1" else "s") for number, noun in numbers)
