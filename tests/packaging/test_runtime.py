"""The runtime of tier `direct`: edits that do not fit stop its build; what is built is stock lupa, plus shared strings.

The runtime that is installed is tested; .ci/run installs one that it built.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2] / "packaging" / "runtime"
sys.path.insert(0, str(PROJECT / "backend"))

from runtime_build.edit import Edit, EditError, edit_all  # noqa: E402
from runtime_build.fetch import FetchError, fetch_lupa, unpack  # noqa: E402
from runtime_build.lua import EDITS, LUAS, lua_licence, lua_sources  # noqa: E402

EACH_EDIT = [pytest.param(lua, edit, id=f"{lua}-{edit.file}-{edit.anchor[:24]}") for lua in LUAS for edit in EDITS[lua]]


def synthetic(folder: Path, lua: str) -> Path:
    """Sources that hold nothing but the anchors."""
    for edit in EDITS[lua]:
        with (folder / edit.file).open("a") as file:
            file.write(f"before\n{edit.anchor}\nafter\n")
    return folder


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("lua", LUAS)
def test_each_edit_puts_its_text_in_place_of_its_anchor(tmp_path: Path, lua: str) -> None:
    edit_all(synthetic(tmp_path, lua), EDITS[lua])
    for edit in EDITS[lua]:
        assert f"before\n{edit.text}\nafter\n" in texts(tmp_path)[edit.file]


@pytest.mark.parametrize(("lua", "edit"), EACH_EDIT)
@pytest.mark.parametrize("count", [0, 2])
def test_an_anchor_that_is_not_there_once_stops_the_build(tmp_path: Path, lua: str, edit: Edit, count: int) -> None:
    path = synthetic(tmp_path, lua) / edit.file
    path.write_text(path.read_text().replace(edit.anchor, edit.anchor * count))
    before = texts(tmp_path)
    with pytest.raises(EditError) as caught:
        edit_all(tmp_path, EDITS[lua])
    for said in (str(path), edit.anchor, f"occurs {count} times", "not the source"):
        assert said in str(caught.value)
    assert texts(tmp_path) == before


@pytest.mark.parametrize("lua", LUAS)
def test_a_source_is_edited_once(tmp_path: Path, lua: str) -> None:
    edit_all(synthetic(tmp_path, lua), EDITS[lua])
    before = texts(tmp_path)
    with pytest.raises(EditError, match="edited already"):
        edit_all(tmp_path, EDITS[lua])
    assert texts(tmp_path) == before


@pytest.mark.parametrize(("lua", "edit"), EACH_EDIT)
def test_every_file_that_is_edited_tells_so(lua: str, edit: Edit) -> None:
    assert "moonscope" in "".join(each.text for each in EDITS[lua] if each.file == edit.file)


def test_a_file_that_is_missing_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(EditError, match=r"lgc\.c does not exist"):
        edit_all(tmp_path, [Edit("lgc.c", "a", "b")])


def test_a_lua_without_its_notice_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "lua.h").write_text("/* no notice */")
    with pytest.raises(EditError, match="copyright notice was not found"):
        lua_licence(tmp_path)


def test_programs_and_internal_tests_are_no_part_of_the_library(tmp_path: Path) -> None:
    for name in ("lua.c", "luac.c", "onelua.c", "ltests.c", "lapi.c", "lapi.h", "lvm.c"):
        (tmp_path / name).touch()
    assert [path.name for path in lua_sources(tmp_path)] == ["lapi.c", "lvm.c"]


@pytest.fixture
def links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that pip is told to take everything from."""
    folder = tmp_path / "links"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.mark.slow
def test_a_source_that_pip_cannot_get_says_what_to_do(links: Path, tmp_path: Path) -> None:
    with pytest.raises(FetchError) as caught:
        fetch_lupa(tmp_path)
    for said in ("lupa.txt", "PIP_INDEX_URL", "PIP_FIND_LINKS"):
        assert said in str(caught.value)


def test_another_source_of_that_name_is_refused(links: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (links / "lupa-2.8.tar.gz").write_bytes(b"something else")
    with pytest.raises(FetchError):
        fetch_lupa(tmp_path)
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err


def test_an_archive_that_is_no_source_distribution_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    archive = Path(shutil.make_archive(str(tmp_path / "lupa-2.8"), "gztar", tmp_path, "other"))
    with pytest.raises(FetchError, match=r"no folder lupa-2\.8"):
        unpack(archive)


# ------------------------------------------------------------------------------------------------ what was built


@pytest.fixture(scope="session")
def python() -> Path:
    """A Python that has the runtime and stock lupa."""
    if not find_spec("moonscope_runtime"):
        pytest.skip("moonscope-runtime is not installed: pip install ./packaging/runtime")
    return Path(sys.executable)


SETTING = """
import ctypes, importlib, json, sys
from importlib.util import find_spec
lua, before = sys.argv[1:3]
if before == "global":
    ctypes.CDLL(find_spec("lupa." + lua).origin, mode=ctypes.RTLD_GLOBAL)
module = importlib.import_module("moonscope_runtime." + lua)
library = ctypes.CDLL(module.__file__)
hook = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_char), ctypes.c_size_t, ctypes.c_uint)
slot = ctypes.c_void_p.in_dll(library, "moonscope_short_string")
seed = ctypes.c_uint.in_dll(library, "moonscope_seed").value
assert slot.value is None and ctypes.c_int.in_dll(library, "moonscope_runtime_abi").value == 4
all_pass = (ctypes.c_uint * 2)(29, 0xFF)  # a filter of eight bits
asks = ctypes.c_void_p.in_dll(library, "moonscope_filter")
def install(function):
    slot.value = ctypes.cast(function, ctypes.c_void_p).value
    asks.value = ctypes.addressof(all_pass)
def state(**options):
    return module.LuaRuntime(encoding=None, **options)
"""

# The interpreter takes away what a hook is made of before it closes the states that would ask it.
END = """
asks.value = slot.value = None
"""


def ask(python: Path, script: str, lua: str, before: str = "nothing") -> Any:
    """Run a script in a process of its own, with the setting above; it prints JSON."""
    command = [str(python), "-c", SETTING + script + END, lua, before]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


each_lua = pytest.mark.parametrize("lua", LUAS)
alone_or_not = pytest.mark.parametrize("before", ["nothing", "global"])


@each_lua
def test_a_module_has_its_own_name_and_stock_lupas_interface(python: Path, lua: str) -> None:
    script = """
assert not [name for name in sys.modules if name.startswith("lupa")]
stock = importlib.import_module("lupa." + lua)
assert stock.LuaRuntime is not module.LuaRuntime and stock.__file__ != module.__file__
ident = [bytes((ctypes.c_char * 80).in_dll(ctypes.CDLL(each.__file__), "lua_ident")) for each in (stock, module)]
both = [each.LuaRuntime().execute("return _VERSION .. ' ' .. string.rep('x', 50)") for each in (stock, module)]
print(json.dumps([module.LuaError.__module__, dir(stock) == dir(module), ident[0] == ident[1], both]))
"""
    ran = f"Lua 5.{lua[-1]} {'x' * 50}"
    assert ask(python, script, lua) == [f"moonscope_runtime.{lua}", True, True, [ran, ran]]


@each_lua
def test_the_licences_are_in_the_package(python: Path, lua: str) -> None:
    script = """
from pathlib import Path
folder = Path(module.__file__).parent / "licenses"
print(json.dumps([(folder / name).read_text() for name in ("lupa.txt", lua + ".txt")]))
"""
    lupa, notice = ask(python, script, lua)
    assert "Stefan Behnel" in lupa
    assert notice.startswith("Copyright (C) 1994")
    assert "PERMISSION" in notice.upper() and "*" not in notice


@each_lua
def test_the_api_of_lua_is_exported_as_stock_lupa_does(python: Path, lua: str) -> None:
    script = """
print(json.dumps([find_spec("lupa." + lua).origin, module.__file__]))
"""
    options = ["-gU"] if sys.platform == "darwin" else ["-D", "--defined-only"]
    exported = []
    for library in ask(python, script, lua):
        listing = subprocess.check_output(["nm", *options, library], text=True)
        names = {line.split()[-1].lstrip("_").partition("@")[0] for line in listing.splitlines()}
        exported.append({name for name in names if name.startswith(("lua", "moonscope"))})
    stock, ours = exported
    assert len(stock) > 150
    assert ours - stock == {
        "moonscope_short_string", "moonscope_seed", "moonscope_runtime_abi", "moonscope_push_function",
        "moonscope_without_states", "moonscope_filter", "moonscope_visit", "moonscope_own_strings", "moonscope_look",
        "moonscope_begin_round", "moonscope_round_is_over", "moonscope_answer",
    }  # fmt: skip
    assert stock <= ours


ORDER = """
keys = b"local t, o = {}, {} for i = 1, 500 do t['key' .. i] = i end for k in pairs(t) do o[#o + 1] = k end "
def order(**options):
    return state(**options).execute(keys + b"return table.concat(o, ' ')").decode()
"""


@each_lua
def test_all_states_of_a_process_have_one_seed_and_other_processes_another(python: Path, lua: str) -> None:
    script = ORDER + "print(json.dumps([order(), order(), order(max_memory=10**8)]))"
    orders = [*ask(python, script, lua), *ask(python, script, lua)]
    assert orders[0] == orders[1] == orders[2]
    assert orders[3] == orders[4] == orders[5]
    assert orders[0] != orders[3]


def test_a_seed_that_is_asked_for_is_given(python: Path) -> None:
    script = ORDER + "print(json.dumps([order(), order(string_hash_seed=seed), order(string_hash_seed=seed ^ 1)]))"
    plain, same, other = ask(python, script, "lua55")
    assert plain == same
    assert plain != other


def test_random_numbers_do_not_come_from_the_seed(python: Path) -> None:
    script = 'print(json.dumps([seed, state().execute(b"return math.randomseed()")[0]]))'
    seed, random = ask(python, script, "lua55")
    assert random % 2**32 != seed


@each_lua
@alone_or_not
def test_the_hook_is_asked_about_strings_that_a_state_is_about_to_make(python: Path, lua: str, before: str) -> None:
    script = """
asked = []
@hook
def nothing(state, text, length, hash):
    asked.append((state, text[:length].decode("latin-1"), hash))
install(nothing)
lua_state = state()
made = [text for _, text, _ in asked]
asked.clear()
code = b"local t = {['brand new'] = 1} t['brand' .. ' new'] = 2; local long = ('x'):rep(41) return t['brand new']"
answer = lua_state.execute(code)
owners = len({owner for owner, _, _ in asked})
print(json.dumps([made, answer, owners, [[text, hash] for _, text, hash in asked], seed]))
"""
    made, answer, owners, asked, seed = ask(python, script, lua, before)
    assert {"__index", "while", "_ENV", "string"} <= set(made)
    assert (answer, owners) == (2, 1)
    words = [text for text, _ in asked]
    assert words.count("brand new") == 1
    assert "x" * 41 not in words
    assert all(hash == lua_hash(text.encode("latin-1"), seed) for text, hash in asked)


def lua_hash(text: bytes, seed: int) -> int:
    """How Lua 5.4 and 5.5 hash a string."""
    value = seed ^ len(text)
    for byte in reversed(text):
        value ^= ((value << 5) + (value >> 2) + byte) & 0xFFFFFFFF
    return value


SHARED = """
import mmap
words = {b"shared word": 0, b"_ENV": 0, b"__index": 0, b"not enough memory": 0, b"and": 1, b"break": 2, b"global": 0}
frozen = {}
class String(ctypes.Structure):
    _fields_ = [
        ("next", ctypes.c_void_p), ("kind", ctypes.c_uint8), ("mark", ctypes.c_uint8), ("extra", ctypes.c_uint8),
        ("length", ctypes.c_int8), ("hash", ctypes.c_uint), ("chain", ctypes.c_uint64), ("text", ctypes.c_char * 40)]
def freeze(word, hash):
    page = mmap.mmap(-1, mmap.PAGESIZE)
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(page))  # kept: at the interpreter's end it may go before the states
    string = String.from_buffer(page)
    string.__init__(None, 4, 0xA4, words[word], len(word), hash, 0, word)
    address = ctypes.addressof(string)
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(mmap.PAGESIZE), mmap.PROT_READ) == 0
    return page, string, address
@hook
def shared(state, text, length, hash):
    word = text[:length]
    if word in words and word not in frozen:
        frozen[word] = freeze(word, hash)
    return frozen[word][2] if word in words else None
install(shared)
"""


@each_lua
@alone_or_not
@pytest.mark.parametrize("collector", ["incremental", "generational"])
def test_a_shared_string_is_one_object_in_all_states_and_never_written(
    python: Path, lua: str, before: str, collector: str
) -> None:
    """The strings lie in read-only memory: a write ends the process."""
    code = f"""
collectgarbage("{collector}")
local found = setmetatable({{}}, {{__index = function(_, key) return key .. "!" end}})
for round = 1, 20 do
  local weak = setmetatable({{}}, {{__mode = "kv"}})
  for i = 1, 500 do
    weak["shared" .. " word"], found[i] = {{}}, found["shared word"]
    if i == 400 and round then break end
  end
  collectgarbage() collectgarbage("step")
end
global = true and found[1]
return global, string.format("%p", "shared word"), string.format("%p", ("shared"):rep(1) .. " word")
"""
    script = f"""
states = [state() for _ in range(3)]
answers = [each.execute({code.encode()!r}) for each in states]
del states[0]
answers.append(states[0].execute({code.encode()!r}))
states.clear()
answers = [[part.decode() for part in answer] for answer in answers]
print(json.dumps([answers, hex(frozen[b"shared word"][2]), set(frozen) == set(words)]))
"""
    answers, address, all_asked = ask(python, SHARED + script, lua, before)
    assert answers == [["shared word!", address, address]] * 4
    assert all_asked


PLACES = {
    "a value of a table": "place = {1, 2, w}",
    "a field of a table": "place = {x = w}",
    "a key of a table": "place = {[w] = true}",
    "an upvalue": "local v = w place = function() return v end",
    "an upvalue of a C function": "place = w:gmatch('.')",
    "a constant": "place = load('return \"shared word\"')",
    "a stack": "place = coroutine.create(function(v) coroutine.yield(v) return v end) coroutine.resume(place, w)",
    "an upvalue on a stack": "coroutine.wrap(function(v) place = function() return v end coroutine.yield() end)(w)",
    "an object with a finalizer": "place = setmetatable({w}, {__gc = function() end})",
    "the registry": "debug.getregistry().place = w place = true",
    "a metatable of a type": "debug.setmetatable(1, {x = w})",
}


@each_lua
@pytest.mark.parametrize("collector", ["incremental", "generational"])
@pytest.mark.parametrize("place", PLACES)
def test_a_walk_finds_a_shared_string_wherever_a_state_has_it(
    python: Path, lua: str, collector: str, place: str
) -> None:
    clear = b"place = nil debug.setmetatable(1, nil) debug.getregistry().place = nil collectgarbage() collectgarbage()"
    script = f"""
from itertools import count
states = set()
@hook
def noted(state, text, length, hash):
    states.add(state)
    return shared(state, text, length, hash)
install(noted)
found = []
@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
def see(_, at, kind):
    found.append((at, kind))
def has():
    found.clear()
    library.moonscope_visit(ctypes.c_void_p(main), see, None)
    return any(kind == 4 and at == frozen[b"shared word"][2] for at, kind in found)
runtime = state()
(main,) = states
runtime.execute(b"collectgarbage('{collector}') return ('shared'):rep(1) .. ' word'")
answers = []
for _ in range(3):
    runtime.execute({clear!r})
    runtime.execute(b"local p = {{}} for i = 1, 100 do p[i] = {{}} end collectgarbage('step')")
    answers.append(has())
    runtime.execute({f"local w = ('shared'):rep(1) .. ' word' {PLACES[place]}".encode()!r})
    answers.append(has())
    runtime.execute(b"collectgarbage() collectgarbage('step')")
    answers.append(has())
print(json.dumps(answers))
"""
    assert ask(python, SHARED + script, lua) == [False, True, True] * 3


@each_lua
def test_a_round_is_over_when_each_state_was_looked_at_or_has_ended(python: Path, lua: str) -> None:
    script = """
looked = []
look_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
@look_type
def look(state, asked, collected):
    looked.append((asked, collected))
looks = ctypes.c_void_p.in_dll(library, "moonscope_look")
looks.value = ctypes.cast(look, ctypes.c_void_p).value
over = lambda: bool(library.moonscope_round_is_over())
one, two = state(), state()
answers = [over()]
library.moonscope_begin_round()
young = state()
answers.append(over())
one.execute(b"collectgarbage()")
answers += [over(), sum(asked for asked, _ in looked)]
one.execute(b"collectgarbage()")
answers += [over(), sum(asked for asked, _ in looked)]
del two
answers.append(over())
looks.value = None
print(json.dumps(answers))
"""
    assert ask(python, script, lua) == [True, False, False, 1, False, 1, True]


def test_a_state_with_a_seed_of_its_own_shares_nothing(python: Path) -> None:
    script = (
        SHARED
        + """
answer = state(string_hash_seed=seed ^ 1).execute(b"return ('shared'):rep(1) .. ' word'")
print(json.dumps([answer.decode(), len(frozen)]))
"""
    )
    assert ask(python, script, "lua55") == ["shared word", 0]


OFFICIAL = ["calls", "closure", "constructs", "coroutine", "events", "gc", "gengc", "literals", "nextvar", "strings"]


@pytest.fixture(scope="session")
def official(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """lupa's source, which has Lua's own tests."""
    return fetch_lupa(tmp_path_factory.mktemp("official"))


@pytest.mark.slow
@each_lua
@pytest.mark.parametrize("name", OFFICIAL)
def test_luas_own_tests_end_as_on_stock_lupa(python: Path, official: Path, lua: str, name: str) -> None:
    script = f"""
import contextlib, os
stock = importlib.import_module("lupa." + lua)
os.chdir({str(official / "third-party" / lua / "testes")!r})
answers = []
output = os.dup(1)
os.dup2(2, 1)
for each in (stock, module):
    try:
        each.LuaRuntime(encoding=None).execute(b"_port, _soft = true, true; dofile('{name}.lua')")
        answers.append("ok")
    except Exception as error:
        answers.append(str(error))
os.dup2(output, 1)
print(json.dumps(answers))
"""
    assert ask(python, script, lua) == ["ok", "ok"]
