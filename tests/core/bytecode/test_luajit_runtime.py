"""What the reader finds in a LuaJIT dump is what `jit.util` of the same LuaJIT says of the function."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from moonscope.bytecode import read
from moonscope.bytecode.tables import DIALECTS
from moonscope.model import LuaVersion, Prototype

from .conftest import LUA_FILES, Dump, real_files

JITS = [LuaVersion.LUAJIT20, LuaVersion.LUAJIT21]
MODES = ("-", "dst", "base", "var", "rbase", "uv", "lit", "lits", "pri", "num", "str", "tab", "func", "jump", "cdata")
"""As the second result of `jit.util.funcbc` numbers them: three bits for A, four for B, four for C or D."""
KINDS = dict(zip(MODES, "-rrrruniymkopjo", strict=True))
"""The letter of our tables for each."""

REPORT = rb"""
local jutil = require "jit.util"
local function constant(k)
    if type(k) == "string" then return "string " .. k:gsub(".", function(c) return ("%02x"):format(c:byte()) end) end
    if type(k) ~= "number" then return type(k) .. " " end
    local text = ("%.14g"):format(k)
    return "number " .. (tonumber(text) == k and text or ("%.17g"):format(k))
end
local function report(f, out)
    local info = jutil.funcinfo(f)
    out[#out + 1] = ("function %d %d %d %d %d %d %d %d %s"):format(info.linedefined, info.lastlinedefined, info.params,
        info.stackslots, info.bytecodes - 1, info.gcconsts, info.nconsts, info.upvalues,
        tostring(not not info.isvararg))
    for pc = 1, info.bytecodes - 1 do
        local word, mode = jutil.funcbc(f, pc)
        out[#out + 1] = ("code %d %d %d"):format(word % 2^32, mode, jutil.funcinfo(f, pc).currentline)
    end
    for n = 0, info.upvalues - 1 do out[#out + 1] = "upvalue " .. jutil.funcuvname(f, n) end
    for n = -1, -info.gcconsts, -1 do out[#out + 1] = "constant " .. constant(jutil.funck(f, n)) end
    for n = 0, info.nconsts - 1 do out[#out + 1] = "constant " .. constant(jutil.funck(f, n)) end
    for n = -1, -info.gcconsts, -1 do
        local k = jutil.funck(f, n)
        if type(k) == "proto" then report(k, out) end
    end
    return out
end
return function(source)
    local f, message = loadstring(source, "@test.lua")
    if not f then return nil end
    return string.dump(f), table.concat(report(f, {}), "\n")
end
"""


@cache
def runtime(lua: LuaVersion) -> Any:
    return importlib.import_module("lupa." + lua.replace(".", "")).LuaRuntime(
        encoding=None, unpack_returned_tuples=True
    )


@pytest.fixture(params=JITS)
def lua(request: pytest.FixtureRequest) -> LuaVersion:
    return LuaVersion(request.param)


@pytest.fixture(scope="session")
def told() -> Callable[[LuaVersion, bytes], tuple[bytes, list[str]] | None]:
    """A dump of a source and what jit.util says of its functions; None when it does not compile."""
    reports = {lua: runtime(lua).execute(REPORT) for lua in JITS}

    def of(lua: LuaVersion, source: bytes) -> tuple[bytes, list[str]] | None:
        answer = reports[lua](source)
        return (answer[0], answer[1].decode("latin-1").split("\n")) if answer else None

    return of


def operands_of(word: int, mode: int) -> dict[str, int]:
    """Kind and value of each operand that the instruction has, from its bits."""
    modes = MODES[mode & 7], MODES[mode >> 3 & 15], MODES[mode >> 7 & 15]
    b_or_d = (word >> 24, word >> 16 & 0xFF) if modes[1] != "-" else (0, word >> 16)
    values = (word >> 8 & 0xFF, *b_or_d)
    told = zip(modes, values, strict=True)
    return {f"{at} {KINDS[mode]}": value for at, (mode, value) in enumerate(told) if mode != "-"}


def shown_of(prototype: Prototype, opcode: str, operands: tuple[int, ...], lua: LuaVersion) -> dict[str, int]:
    """The same from what the reader shows, places turned back into LuaJIT's numbers."""
    told = DIALECTS[lua].by_name[opcode]
    places = [{"A": 0, "B": 1}.get(field, 2) for field in told.fields]
    functions = [at for at, kind in enumerate(prototype.constant_types) if kind == "function"]
    objects = sum(kind != "number" for kind in prototype.constant_types)
    back: dict[str, Callable[[int], int]] = {
        "i": lambda value: value & 0xFFFF,
        "j": lambda value: value + 0x8000,
        "m": lambda value: value - objects,
        "p": lambda value: functions[value],
    }
    shown = zip(places, told.kinds, operands, strict=True)
    return {f"{at} {kind}": back.get(kind, int)(value) for at, kind, value in shown}


CONSTANT_TYPES = {"int64": "cdata", "uint64": "cdata", "complex": "cdata", "function": "proto"}


def lines_of(prototype: Prototype) -> list[str]:
    """What jit.util would say of it, but for the code."""
    kinds = prototype.constant_types
    facts = (prototype.line, prototype.last_line, prototype.parameters, prototype.stack_size, len(prototype.code),
             sum(kind != "number" for kind in kinds), kinds.count("number"), len(prototype.upvalues),
             str(prototype.vararg).lower())  # fmt: skip
    found = ["function " + " ".join(map(str, facts))]
    found += [f"upvalue {each.name}" for each in prototype.upvalues]
    for text, kind in zip(prototype.constants, kinds, strict=True):
        if kind == "string":
            found.append("constant string " + unescaped(text).encode("latin-1").hex())
        else:
            found.append(f"constant {CONSTANT_TYPES.get(kind, kind)} {text if kind == 'number' else ''}")
    return found


def unescaped(text: str) -> str:
    """Lua's escapes: three decimal digits or a letter."""
    named = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
    return re.sub(
        r"\\(\d{3}|.)", lambda m: chr(int(m[1])) if m[1].isdigit() else named.get(m[1], m[1]), text[1:-1], flags=re.S
    )


@pytest.mark.slow
def test_functions_of_real_files_are_read_as_jit_util_tells_them(lua: LuaVersion, told: Any) -> None:
    functions = instructions = 0
    for path in real_files():
        answer = told(lua, path.read_bytes().removeprefix(b"#!"))
        if answer is None:  # written for another Lua
            continue
        chunk, lines = answer
        prototypes = list(read(chunk, lua).root.walk())
        functions += len(prototypes)
        instructions += sum(len(each.code) for each in prototypes)
        assert [line for line in lines if not line.startswith("code ")] == [
            line for each in prototypes for line in lines_of(each)
        ], path
        code = [tuple(map(int, line.split()[1:])) for line in lines if line.startswith("code ")]
        shown = [(prototype, each) for prototype in prototypes for each in prototype.code]
        names = [opcode.name for opcode in DIALECTS[lua].opcodes]
        for (word, mode, line), (prototype, each) in zip(code, shown, strict=True):
            assert (each.opcode, each.line) == (names[word & 0xFF], line)
            assert shown_of(prototype, each.opcode, each.operands, lua) == operands_of(word, mode), (path, each)
    assert functions > 20
    assert instructions > 500


def test_every_opcode_has_the_operands_that_the_runtime_gives_it(lua: LuaVersion) -> None:
    """A function with one instruction of each opcode is loaded, never run, and `jit.util` asked for their modes."""
    opcodes = DIALECTS[lua].opcodes
    code = b"".join(bytes([number, 0, 0, 0]) for number in range(len(opcodes)))
    body = bytes([0, 0, 1, 0, 0, 0, len(opcodes)]) + code
    header = b"\x1bLJ" + bytes([1, 2] if lua is LuaVersion.LUAJIT20 else [2, 2 | 8])
    chunk = header + bytes([0x80 | len(body) & 0x7F, len(body) >> 7]) + body + b"\0"
    ask = runtime(lua).execute(
        b"local f, jutil = ..., require 'jit.util' return function(chunk) local f, all = assert(loadstring(chunk)), {} "
        b"for pc = 1, 1000 do local word, mode = jutil.funcbc(f, pc) if not word then break end all[pc] = mode end "
        b"return table.concat(all, ' ') end"
    )
    modes = [int(mode) for mode in ask(chunk).split()]
    assert len(modes) == len(opcodes) == (93 if lua is LuaVersion.LUAJIT20 else 97)
    for opcode, mode in zip(opcodes, modes, strict=True):
        given = [MODES[part] for part in (mode & 7, mode >> 3 & 15, mode >> 7 & 15) if part]
        assert opcode.kinds == "".join(KINDS[each] for each in given), opcode.name
        if "A" in opcode.fields:
            written = any(re.match(r"A(\.\..*)? = |call A", step) for step in opcode.steps)
            assert ("dst" in given) <= written, opcode.name
            assert written <= (given[0] in ("dst", "base", "uv")), opcode.name


def test_both_luajits_compile_a_file_to_instructions_of_the_same_names(dump: Dump) -> None:
    """2.0 has no list of names to ask; what is called the same in 2.1, which has one, does the same."""
    for path in sorted(LUA_FILES.glob("common.lua")):
        old, new = (read(dump(lua, path.read_bytes()), lua).root.walk() for lua in JITS)
        assert [[each.opcode for each in one.code] for one in old] == [
            [each.opcode for each in one.code] for one in new
        ]


def test_live_ranges_are_those_of_debug_getlocal(lua: LuaVersion, dump: Dump) -> None:
    """On reaching a line, the variables that the VM tells are those alive at the first instruction of the line."""
    source = b"""local a, b = 1
do
  local c = a
  b = c
end
local d = b
for i = 1, 2 do
  local e = i
  d = e
end
for k, v in pairs({ 1 }) do
  local f = k
  d = f
end
return d
"""
    trace = runtime(lua).execute(
        b"return function(source) jit.off() local f, seen, out = assert(loadstring(source, '@test.lua')), {}, {} "
        b"debug.sethook(function(_, line) if debug.getinfo(2, 'f').func ~= f or seen[line] then return end "
        b"seen[line] = true local names, n = {}, 1 while debug.getlocal(2, n) do names[n] = debug.getlocal(2, n) "
        b"n = n + 1 end out[#out + 1] = line .. ':' .. table.concat(names, ',') end, 'l') f() debug.sethook() "
        b"return table.concat(out, '\\n') end"
    )(source)
    root = read(dump(lua, source), lua).root
    for told_line in trace.decode().split("\n"):
        line, names = told_line.split(":")
        pc = next(each.pc for each in root.code if each.line == int(line))
        alive = [each.name for each in root.locals if each.start_pc <= pc < each.end_pc]
        assert [name for name in names.split(",") if name and name != "(*temporary)"] == alive, line
