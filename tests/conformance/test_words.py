"""A word is one key, wherever it comes from: from a constant of a shared function, or made up while a script runs.

Lua compares short strings by address. Tier `direct` shares them between VMs, which is right only as long as a VM that
had a word of its own before the file was frozen never runs the frozen one.
"""

from __future__ import annotations

import gc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonscope.cache import runtime
from moonscope.cache.code_cache import CodeCache
from moonscope.model import Sharing

from .conftest import VM, WAYS, NewVM, Sharers, Way, Write, new_word

# Lua keeps strings of up to 40 bytes by address. Words the VMs have from birth, of Lua and of lupa, and new ones.
LENGTHS = (1, 2, 7, 8, 31, 39, 40, 41, 100)
KNOWN = ("print", "string", "__index", "_ENV", "and", "python", "builtins", "eval", "iter", "entry", "token", "library")

COUNT_TWICE = """
local seen, twice = {}, 0
for word in pairs(box) do
    for other in pairs(seen) do if #other == #word and other .. '' == word .. '' then twice = twice + 1 end end
    seen[word] = true
end
return twice"""


def made_up(word: str) -> str:
    """A Lua expression for a string whose parts meet only when it runs."""
    half = len(word) // 2
    return f"table.concat{{'{word[:half]}', '{word[half:]}'}}"


def test_a_global_of_a_shared_function_is_found_by_a_key_that_was_made_up(
    sharers: Sharers, write: Write
) -> None:
    words = [letter * length for letter in "qz" for length in LENGTHS] + [f"w_{word}" for word in KNOWN]
    path = write("".join(f"{word} = {number}\n" for number, word in enumerate(words)))
    for vm in sharers:
        vm.run(f"dofile('{path}')")
        for number, word in enumerate(words):
            found = vm.run(f"return _G[{made_up(word)}], rawget(_G, ('{word}'):reverse():reverse())")
            assert found == (str(number), str(number))


def test_a_shared_function_finds_globals_that_were_set_by_made_up_keys(
    sharers: Sharers, write: Write
) -> None:
    words = [letter * length for letter in "kv" for length in LENGTHS] + [f"r_{word}" for word in KNOWN]
    path = write(f"return {', '.join(words)}")
    first, second = sharers
    for vm in (first, second, first):
        for number, word in enumerate(words):
            vm.run(f"_G[{made_up(word)}] = {number}")
        assert vm.run(f"return dofile('{path}')") == tuple(str(number) for number in range(len(words)))


def test_a_vm_that_had_a_word_before_it_was_frozen(way: Way, new_vm: NewVM, write: Write) -> None:
    """The conflict rule: `old` has the words in its own memory when another VM's load freezes them."""
    words = [new_word() for _ in range(50)] + list(KNOWN)
    cache = way.new_cache()
    old, young = new_vm(cache), new_vm(cache)
    old.run("t = {}")
    for number, word in enumerate(words):
        old.run(f"t[{made_up(word)}] = {number}")
    path = write(f"local t = ... return {', '.join(f't.{word}' for word in words if word != 'and')}")
    reads = f"return select('#', loadfile('{path}')(t)), loadfile('{path}')(t)"
    young.run("t = {} " + " ".join(f"t['{word}'] = {number}" for number, word in enumerate(words)))
    expected = tuple(str(number) for number, word in enumerate(words) if word != "and")
    for vm in (young, old, young, old):
        assert vm.run(reads) == (str(len(expected)), *expected)


def test_a_word_that_is_garbage_when_it_is_frozen(way: Way, new_vm: NewVM, write: Write) -> None:
    cache = way.new_cache()
    old, young = new_vm(cache), new_vm(cache)
    word = new_word()
    old.run(f"do local t = {{[{made_up(word)}] = 1}} end")  # not collected yet: it may come back to life
    path = write(f"local t = ... return t.{word}")
    young.run(f"loadfile('{path}')")
    assert old.run(f"return loadfile('{path}')({{[{made_up(word)}] = 'found'}})") == ('"found"',)
    old.run("collectgarbage() collectgarbage()")
    assert old.run(f"return loadfile('{path}')({{[{made_up(word)}] = 'found'}})") == ('"found"',)


def test_words_of_files_that_are_loaded_in_any_order(way: Way, new_vm: NewVM, write: Write) -> None:
    """VMs of different ages, each of which makes up words before, between and after the loads."""
    name, cache = new_word(), way.new_cache()
    vms: list[VM] = []
    for age in range(6):
        vms.append(new_vm(cache))
        for vm in vms:
            vm.run(f"box = box or {{}} box[{made_up(f'{name}_{age + 1}')}] = {age + 1}")
        path = write(f"box = box or {{}} box.{name}_{age} = {age} return box.{name}_{age}, box.{name}_{age + 1}")
        for vm in reversed(vms):
            assert vm.run(f"return dofile('{path}')") == (str(age), str(age + 1))
            # No word is in the table twice.
            assert vm.run(COUNT_TWICE) == ("0",)


def test_words_are_counted_where_generations_share_them(way: Way, new_vm: NewVM, write: Write) -> None:
    cache = way.new_cache()
    new_vm(cache).run(f"loadfile('{write(' '.join(f'{new_word()} = 1' for _ in range(100)))}')")
    words = shared(cache) - sum(row.shared_bytes for row in cache.generations())
    assert words >= 100 * len(new_word()) if way.sharing in (Sharing.GRAFT, Sharing.DIRECT) else words == 0


def test_words_that_nobody_needs_are_dropped_when_the_last_vm_is_closed(way: Way, new_vm: NewVM, write: Write) -> None:
    gc.collect()  # VMs that a test left to the collector may have the words
    cache = way.new_cache()
    before = shared(cache)
    vms = [new_vm(cache) for _ in range(2)]
    path = write(" ".join(f"{new_word()} = 1" for _ in range(100)))
    for vm in vms:
        vm.run(f"loadfile('{path}')")
    filled = shared(cache)
    cache.clear()
    for vm in vms:
        vm.vm.close()
    assert shared(cache) <= before < filled


def test_words_outlive_what_was_cleared_in_vms_that_have_them(way: Way, new_vm: NewVM, write: Write) -> None:
    """`old` has words of files that are long gone as keys of its tables, and still finds them by any other way."""
    words, cache = [new_word() for _ in range(20)], way.new_cache()
    path, old = write(f"local t = ... {' '.join(f't.{word} = true' for word in words)} return t"), new_vm(cache)
    old.run(f"box = loadfile('{path}')({{}})")
    for _ in range(3):
        cache.clear()
        young = new_vm(cache)
        for vm in (old, young):
            vm.run(f"box = loadfile('{path}')(box or {{}})")
            assert vm.run(COUNT_TWICE) == ("0",)
            for word in words:
                assert vm.run(f"return box[{made_up(word)}]") == ("true",)
        young.vm.close()


# ---------------------------------------------------------------------------------------- words that every VM has

FAILURES = """
x = = 1
goto nowhere
local t = {} t.x.y = 1
error({})
error('told', 0)
return 1 + {}
return ('x'):rep(1 << 46)
dofile('/nowhere/at/all')
require('nowhere_at_all')
return select(2, loadfile('/nowhere/at/all'))
return coroutine.wrap(function() error('inside') end)()
""".strip().splitlines()

OF_A_RUN = ("console:1", "nowhere", "return ", "local ")
"""What is in words of the run itself: its text, and messages that have a position."""


@pytest.fixture(params=[way for way in WAYS if way.sharing is Sharing.DIRECT], ids=str)
def direct(request: pytest.FixtureRequest) -> CodeCache:
    """A cache of tier direct."""
    way: Way = request.param
    if not runtime.has_own(way.lua):
        pytest.skip("moonscope-runtime is not installed (packaging/runtime)")
    return way.new_cache()


def own_strings(cache: CodeCache) -> str:
    """A Lua chunk that returns the short strings that its state made itself, one a line."""
    path = cache.library.module.__file__
    return f"return table.concat(package.loadlib('{path}', 'moonscope_own_strings')(), string.char(10))"


def fail(vm: VM) -> None:
    for source in FAILURES:
        vm.vm.run(source)


def foreign(words: str) -> list[str]:
    """Those that no run has brought in."""
    told = [*FAILURES, "moonscope_own_strings", "moonscope_attach", "vm-"]
    return [
        word
        for word in words.splitlines()
        if not any(word in text or text in word for text in told) and not any(part in word for part in OF_A_RUN)
    ]


def test_a_fresh_vm_has_no_words_of_its_own(direct: CodeCache, new_vm: NewVM) -> None:
    assert foreign(new_vm(direct).run(own_strings(direct))[0].strip('"')) == []


def test_a_fresh_runtime_of_a_program_has_no_words_of_its_own(direct: CodeCache) -> None:
    program = direct.library.new_runtime()
    direct.attach(program)
    assert foreign(program.execute(own_strings(direct).encode()).decode()) == []


def test_a_vm_that_has_failed_in_every_way_has_no_words_of_its_own(direct: CodeCache, new_vm: NewVM) -> None:
    vm = new_vm(direct)
    fail(vm)
    assert foreign(vm.run(own_strings(direct))[0].strip('"')) == []


def test_what_every_vm_has_is_no_conflict(direct: CodeCache, new_vm: NewVM, write: Write) -> None:
    """The file mentions it all; VMs that were there before it, and have failed before, run the one prototype."""
    old = [new_vm(direct) for _ in range(3)]
    for vm in old[1:]:
        fail(vm)
    names = ["skynet.codecache", "not enough memory", "=moonscope", "codecache", "=console", "(for state)"]
    path = write("local t = {} " + " ".join(f"t['{name}'] = true" for name in names) + " return t")
    for vm in [new_vm(direct), *old]:
        vm.run(f"dofile('{path}')")
    assert [row.conflicts for row in direct.generations()] == [0]


# --------------------------------------------------------------------------------------------- words come and go


def many_words(turn: int, count: int = 2000) -> str:
    return f"local t = {{}} {' '.join(f't.turn_{turn}_{i} = {i}' for i in range(count))} return t"


def test_words_go_while_vms_live(direct: CodeCache, new_vm: NewVM, tmp_path: Path) -> None:
    """One VM loads ever new words; another has some of the first, and still finds them in the end."""
    path, kept = tmp_path / "words.lua", tmp_path / "kept.lua"
    vm, old = new_vm(direct), new_vm(direct)
    kept.write_text(many_words(0))
    old.run(f"t = dofile('{kept}')")
    sizes = []
    for turn in range(1, 60):
        path.write_text(many_words(turn))
        direct.clear()
        assert vm.run(f"t = dofile('{path}') return t['turn_' .. {turn} .. '_7']") == ("7",)
        old.run("collectgarbage()")
        sizes.append(shared(direct))
    assert max(sizes[30:]) <= max(sizes[:30])
    check = "for i = 0, 1999 do assert(t['turn_0_' .. i] == i) end"
    old.run(check)
    vm.run(f"t = dofile('{kept}') {check}")
    old.run(f"local u = dofile('{kept}') for word, value in pairs(u) do assert(t[word] == value) end {check}")


def shared(cache: CodeCache) -> int:
    """Shared bytes of the cache, words included."""
    return cache.native.totals().shared_bytes


words = st.text(st.sampled_from("abcxyz_"), min_size=1, max_size=44).map(lambda text: "_" + text)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.lists(words, max_size=8), constants=st.lists(words, min_size=1, max_size=8, unique=True))
def test_any_words(
    way: Way, new_vm: NewVM, write: Write, before: list[str], constants: list[str]
) -> None:
    cache = way.new_cache()
    old, young = new_vm(cache), new_vm(cache)
    old.run("t = {} " + " ".join(f"t[{made_up(word)}] = true" for word in before))
    path = write("local t = ... " + " ".join(f"t.{word} = '{word}'" for word in constants))
    young.run("t = {}")
    for vm in (young, old):
        vm.run(f"loadfile('{path}')(t)")
        for word in constants:
            assert vm.run(f"return t[{made_up(word)}]") == (f'"{word}"',)
        count = len({*constants, *before}) if vm is old else len(constants)
        assert vm.run("local n = 0 for _ in pairs(t) do n = n + 1 end return n") == (str(count),)


def test_a_runtime_with_a_hash_seed_of_its_own(way: Way, new_vm: NewVM, write: Write) -> None:
    """Lua 5.5 lets a program choose; such a VM can share no strings, and is served all the same."""
    if way.lua != "5.5":
        return
    cache = way.new_cache()
    path = write("answer = 42  return answer, string.format('%d', answer)")
    new_vm(cache).run(f"loadfile('{path}')")
    seeded = cache.library.module.LuaRuntime(encoding=None, string_hash_seed=12345)
    cache.attach(seeded)
    assert seeded.execute(b"dofile(...) return rawget(_G, 'ans' .. 'wer')", path.encode()) == 42


def test_long_keys_on_a_runtime_with_a_hash_seed_of_its_own(way: Way, new_vm: NewVM, write: Write) -> None:
    """Long strings are not shared between VMs by address, but their hashes depend on the seed all the same."""
    if way.lua != "5.5":
        return
    cache = way.new_cache()
    key = "a key of more than forty characters: a long string"
    path = write(f"local t = ... return t['{key}']")  # no short string at all
    new_vm(cache).run(f"loadfile('{path}')")
    seeded = cache.library.module.LuaRuntime(encoding=None, string_hash_seed=12345)
    cache.attach(seeded)
    look_up = f"local t = {{}} for i = 1, 200 do t['{key}' .. i] = i end t['{key}'] = 42 return loadfile(...)(t)"
    assert seeded.execute(look_up.encode(), path.encode()) == 42
