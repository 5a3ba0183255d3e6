"""Whatever people and VMs do to a cache, in whatever order: a load gives what the rules of the cache say, functions
that were loaded stay what they are, and nothing is left when all VMs are gone.

The rules: the first load of a name stores what is on disk; until it is cleared or evicted every load of the name gives
that version, whatever the disk says now. A VM in mode EXIST uses what is stored and stores nothing; OFF reads the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moonscope.model import CacheMode

from .conftest import VM, Way, new_word

NAMES = 3
LONG = "a key of more than forty characters: a long string"

# A version of a file: its functions know the name and the version, and count on their own.
FILE = """
local count, words = 0, {{WORD_{name}_{version} = {version}, word = 'a value', ['{long}'] = {version}.5}}
local function answer(key, ...)
    count = count + 1
    return {name}, {version}, count, words[key], select('#', ...), (words['{long}'])
end
return function(...) return answer(...) end
"""

COLLECTORS = {
    "incremental": "pcall(collectgarbage, 'incremental')",
    "generational": "pcall(collectgarbage, 'generational')",
    "stopped": "collectgarbage('stop')",
    "eager": "collectgarbage('restart') pcall(collectgarbage, 'setpause', 0)",
}


WAYS_TO_LOAD = (CacheMode.ON, CacheMode.ON, CacheMode.ON, CacheMode.EXIST, CacheMode.OFF)


@dataclass
class Actor:
    """A VM, and what is known of it: its functions in the order of their loads, with what each must answer."""

    vm: VM
    mode: CacheMode
    functions: list[tuple[int, int, int]] = field(default_factory=list)  # name, version, calls


class History:
    """One cache and its VMs. What happens takes a number, with which it makes its choices."""

    def __init__(self, way: Way, folder: Path) -> None:
        self.cache = way.new_cache()
        self.folder = folder
        self.word = new_word()
        self.actors: list[Actor] = []
        self.disk = [0] * NAMES
        self.stored: list[int | None] = [None] * NAMES
        for name in range(NAMES):
            self.write(name)

    def path(self, name: int) -> str:
        return str(self.folder / f"{self.word}_{name}.lua")

    def write(self, name: int) -> None:
        text = FILE.format(name=name, version=self.disk[name], long=LONG).replace("WORD", self.word)
        Path(self.path(name)).write_text(text)

    def made_up(self, name: int, version: int) -> str:
        """A Lua expression for the word of a version."""
        return f"table.concat{{'{self.word}', '_', {name}, '_', {version}}}"

    def spawn(self, number: int) -> None:
        actor = Actor(VM(self.cache), WAYS_TO_LOAD[number % len(WAYS_TO_LOAD)])
        actor.vm.vm.mode = actor.mode
        actor.vm.run("functions, words = {}, {}")
        self.actors.append(actor)

    def load(self, actor: Actor, number: int) -> None:
        name, times = number % NAMES, 1 + number // NAMES % 3
        actor.vm.run(f"for _ = 1, {times} do functions[#functions + 1] = dofile('{self.path(name)}') end")
        stored = None if actor.mode is CacheMode.OFF else self.stored[name]
        version = self.disk[name] if stored is None else stored
        if actor.mode is CacheMode.ON:
            self.stored[name] = version
        actor.functions += [(name, version, 0)] * times

    def call(self, actor: Actor, number: int) -> None:
        """The key is made up while the script runs, and must be the constant of the file."""
        if not actor.functions:
            return
        which = number % len(actor.functions)
        name, version, calls = actor.functions[which]
        answer = actor.vm.run(f"return functions[{which + 1}]({self.made_up(name, version)}, nil, 1)")
        assert answer == (str(name), str(version), str(calls + 1), str(version), "2", f"{version}.5")
        actor.functions[which] = name, version, calls + 1

    def use_a_word(self, actor: Actor, number: int) -> None:
        """A VM makes a string of its own that the file has as a constant, or will have in its next version."""
        name, ahead = number % NAMES, number // NAMES % 2
        actor.vm.run(f"words[{self.made_up(name, self.disk[name] + ahead)}] = true")

    def edit(self, number: int) -> None:
        self.disk[number % NAMES] += 1
        self.write(number % NAMES)

    def clear(self, number: int) -> None:
        self.cache.clear()
        self.stored = [None] * NAMES

    def clear_from_inside(self, actor: Actor, number: int) -> None:
        actor.vm.run("require('codecache').clear()")
        self.stored = [None] * NAMES

    def look_at_what_a_clear_would_do(self, number: int) -> None:
        assert self.cache.clear(dry_run=True).files == sum(version is not None for version in self.stored)

    def evict(self, number: int) -> None:
        names = {number % NAMES, number // NAMES % NAMES}
        self.cache.evict(*map(self.path, names))
        for name in names:
            self.stored[name] = None

    def collect(self, actor: Actor, number: int) -> None:
        if number % 2:
            actor.vm.run("functions = {}")
            actor.functions = []
        actor.vm.run("collectgarbage() collectgarbage()")

    def change_the_collector(self, actor: Actor, number: int) -> None:
        actor.vm.run(list(COLLECTORS.values())[number % len(COLLECTORS)])

    def close(self, actor: Actor, number: int) -> None:
        self.actors.remove(actor)
        actor.vm.vm.close()

    def end(self) -> None:
        for actor in self.actors:
            actor.vm.vm.close()
        assert self.cache.native.vms() == []
        self.cache.clear()
        assert self.cache.generations() == []


IN_A_VM: tuple[Callable[[History, Actor, int], None], ...] = (
    *[History.load] * 6, *[History.call] * 6, *[History.use_a_word] * 4, History.clear_from_inside, History.collect,
    History.change_the_collector, History.close,
)  # fmt: skip
TO_THE_CACHE: tuple[Callable[[History, int], None], ...] = (
    *[History.spawn] * 4, *[History.edit] * 2, History.clear, History.look_at_what_a_clear_would_do, History.evict
)  # fmt: skip
numbers = st.integers(0, 99)
steps = st.tuples(st.sampled_from(IN_A_VM), numbers, numbers) | st.tuples(st.sampled_from(TO_THE_CACHE), numbers)


@pytest.mark.slow
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(first=st.lists(numbers, min_size=2, max_size=3), rest=st.lists(steps, min_size=30, max_size=60))
def test_any_history(way: Way, tmp_path: Path, first: list[int], rest: list[tuple[object, ...]]) -> None:
    history = History(way, tmp_path)
    for number in first:
        history.spawn(number)
    for step in rest:
        match step:
            case (act, number) if callable(act):
                act(history, number)
            case (act, int(which), number) if callable(act) and history.actors:
                act(history, history.actors[which % len(history.actors)], number)
    history.end()
