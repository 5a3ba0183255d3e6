"""Throws damaged dumps at the reader: `python tests/core/bytecode/fuzz.py --inputs N --seed S [--lua V]`.

Each input is a real dump (lupa makes them) with a few mutations. An input fails when anything but BytecodeError comes
out, or when the reader makes more calls than `CALLS_PER_BYTE` allows: a count of work, so that a busy machine fails
nothing. Prints one line of counts; exit status 1 on a failure, with the command that repeats that input alone.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from moonscope.bytecode import count_prototypes, listing, read
from moonscope.bytecode.code import jumps_in, lines_in, opcodes_in
from moonscope.bytecode.luajit import FORMATS as LUAJITS
from moonscope.bytecode.luajit import STRIPPED
from moonscope.bytecode.reader import LebCursor
from moonscope.errors import BytecodeError
from moonscope.model import Instruction, LuaVersion

CALLS_PER_BYTE = 32
CALLS_AT_LEAST = 10_000

_COMMON = """
local M, n, up = {x = 1, y = "two", 10, 20, 30, [true] = 4.5}, 0, nil
local function add(a, b, ...) n = n + a * b - 2 ^ 3 / 7 % 5; return a .. "\\n" .. b, ... end
function M.sub(self, k) self[k] = M[k] or k; self.name = "n"; return not k, -n, #k end
function M:each(...) for i = 10, 1, -1 do add(i, ...) end
  for k, v in pairs(self) do up = function() return k, up end end end
while n < 10 do if n == 3 then n = n + 1 elseif n ~= 4 and n <= 7 then break else n = nil or 9 end end
repeat local z = {add(1, 2)}; up = z until z ~= nil
GLOBAL = 1e300; print(GLOBAL, true, false, 0.1)
print("a string that is too long for a short one, which ends at forty bytes")
return M:each(1, 2, 3)
"""
_SOURCES = {
    "5.2": _COMMON + " ",
    "5.3": "local b = 7 // 2 | 1 & 3 ~ 4 << 1 >> 2; b = ~b; b = 1 < b and b > 2 or b >= 3\n" + _COMMON,
    "5.4": "local b <const> = 7; local c <close> = nil; local d = c // b | 1 & b ~ c << 1 >> b; d = d & 3\n" + _COMMON,
    "5.5": "local b <const> = 7; local c <close> = nil; global print, pairs, GLOBAL; "
    "local function v(...t) return t[1], t.n end\n" + _COMMON,
}
_JIT = "local b = 7LL + 0xFFULL + 2i; for k, v in next, b do goto on end ::on:: local d = {[3.5] = b, x = nil, 1e300}\n"
_SOURCES |= dict.fromkeys(LUAJITS, _JIT + _COMMON)
_BYTES = (0x00, 0x01, 0x7F, 0x80, 0x81, 0xFE, 0xFF)


@dataclass
class Counts:
    """What came of the inputs so far."""

    inputs: int = 0
    read: int = 0
    refused: int = 0
    failed: int = 0
    most_calls_per_byte: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.inputs:,} inputs: {self.read:,} read, {self.refused:,} refused, {self.failed:,} failed; "
            f"at most {self.most_calls_per_byte:.1f} calls per byte"
        )


def dumps(lua: LuaVersion) -> list[bytes]:
    """Real dumps of one Lua, with and without debug information."""
    module = importlib.import_module("lupa." + (lua if "jit" in lua else "lua" + lua).replace(".", ""))
    runtime = module.LuaRuntime(encoding=None)
    dump = runtime.execute(
        b"return function(text, strip) return string.dump(assert((loadstring or load)(text, '@fuzz.lua')), strip) end"
    )
    source = _SOURCES.get(lua, _COMMON).encode()
    deep = b"return function() " * 20 + b"end " * 20
    return [dump(text, strip) for text in (source, deep, b"return ...") for strip in (False, True)]


def damaged(chooser: random.Random, lua: LuaVersion, dump: bytes, other: bytes) -> bytes:
    """A few random changes. Half of LuaJIT's are made inside a function, whose new length is then told."""
    if lua not in LUAJITS or chooser.random() < 0.5:
        return mutate(chooser, dump, other, 5 if lua in LUAJITS else 34)
    cursor = LebCursor(dump)
    cursor.block(4)
    if not cursor.integer() & STRIPPED:
        cursor.block(cursor.integer())
    parts = [dump[: cursor.at]]
    while size := cursor.integer():
        parts.append(cursor.block(size))
    at = chooser.randrange(1, len(parts))
    parts[at] = mutate(chooser, parts[at], other, 0)
    return parts[0] + b"".join([leb(len(part)) + part for part in parts[1:]]) + b"\0"


def leb(value: int) -> bytes:
    return bytes([value & 0x7F | 0x80]) + leb(value >> 7) if value > 0x7F else bytes([value])


def mutate(chooser: random.Random, dump: bytes, other: bytes, header: int) -> bytes:
    """A few random changes; most spare the header, which would hide everything behind it."""
    data = bytearray(dump)
    start = 0 if chooser.random() < 0.05 else min(header, len(data) - 1)
    for _ in range(chooser.choice((1, 1, 1, 2, 3, 8))):
        at = chooser.randrange(start, max(len(data), start + 1))
        match chooser.randrange(7):
            case 0:
                del data[at:]
            case 1:
                data[at : at + 1] = bytes([chooser.choice(_BYTES)])
            case 2:
                data[at : at + 1] = bytes([chooser.randrange(256)])
            case 3:
                data[at:at] = bytes(chooser.choices(_BYTES, k=chooser.randrange(1, 12)))
            case 4:
                del data[at : at + chooser.randrange(1, 16)]
            case 5:
                data[at:at] = data[at : at + chooser.randrange(1, 400)] * chooser.randrange(1, 8)
            case _:
                cut = chooser.randrange(len(other))
                data[at:at] = other[cut : cut + chooser.randrange(1, 200)]
    return bytes(data)


def calls_of(work: Callable[[], object]) -> int:
    """How many calls `work` makes, in Python and into C. What it raises comes through, after counting."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    except BytecodeError:
        pass
    finally:
        sys.setprofile(None)
    return calls


def try_one(data: bytes, lua: LuaVersion, counts: Counts) -> str:
    """Read one input, add it to `counts`; "" or what went wrong."""
    counts.inputs += 1
    before = counts.read

    def work() -> None:
        tree = read(data, lua)
        listing(tree)
        counts.read += 1
        if not all(_agrees(prototype.code) for prototype in tree.root.walk()):
            raise AssertionError("lines, opcodes or jumps are not those of the instructions")
        if count_prototypes(data, lua) != tree.root.total:
            raise AssertionError("count_prototypes disagrees with read")

    try:
        calls = calls_of(work)
    except Exception:
        counts.failed += 1
        return traceback.format_exc()
    counts.refused += counts.read == before
    counts.most_calls_per_byte = max(counts.most_calls_per_byte, calls / max(len(data), 100))
    if calls > CALLS_AT_LEAST + CALLS_PER_BYTE * len(data):
        counts.failed += 1
        return f"{calls:,} calls for {len(data):,} bytes"
    return ""


def _agrees(code: Sequence[Instruction]) -> bool:
    """Whether what is found in the bytes at once is what the instructions say one by one."""
    each = list(code)
    jumps = [(one.pc, one.target) for one in each if one.target is not None]
    return (
        list(lines_in(code)) == [one.line for one in each]
        and opcodes_in(code) == {one.opcode for one in each}
        and list(jumps_in(code)) == jumps
        and list(code[::-3]) == each[::-3]
    )


def run(inputs: int, seed: int, luas: Sequence[LuaVersion], first: int = 0) -> tuple[Counts, str]:
    """Try the inputs `first` … `first + inputs - 1` of a seed; stops at the first failure, told in the text."""
    samples = {lua: dumps(lua) for lua in luas}
    counts = Counts()
    for number in range(first, first + inputs):
        chooser = random.Random(f"{seed}/{number}")
        lua = luas[number % len(luas)]
        data = damaged(chooser, lua, chooser.choice(samples[lua]), chooser.choice(samples[lua]))
        wrong = try_one(data, lua, counts)
        if wrong:
            chosen = "" if list(luas) == list(LuaVersion) else "".join(f" --lua {each}" for each in luas)
            again = f"python tests/core/bytecode/fuzz.py --seed {seed} --first {number} --inputs 1{chosen}"
            return counts, f"Lua {lua}, {len(data):,} bytes: {data.hex()}\n{wrong}\nagain: {again}"
    return counts, ""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--inputs", type=int, default=10_000, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--first", type=int, default=0, metavar="I", help="number of the first input")
    parser.add_argument("--lua", type=LuaVersion, action="append", choices=list(LuaVersion), help="default: all")
    options = parser.parse_args(arguments)
    counts, wrong = run(options.inputs, options.seed, options.lua or list(LuaVersion), options.first)
    print(counts)
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
