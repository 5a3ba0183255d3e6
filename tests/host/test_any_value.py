"""Any value of the right type in a command either does what it says or is refused in words, and the engine goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from moonscope.client.engine_client import EngineClient
from moonscope.client.host_process import HostProcess
from moonscope.commands import (
    Clear,
    Close,
    Collect,
    Command,
    FindClosures,
    Holders,
    Inspect,
    InspectFile,
    Interrupt,
    Load,
    LookInto,
    RunChunk,
    RunFile,
    SetLimits,
    SetMode,
    Spawn,
)
from moonscope.engine import Engine
from moonscope.errors import MoonscopeError
from moonscope.model import CacheMode, LookStep, LuaVersion, Sharing, StepKind, VMOptions

DEADLINE = 30.0
Perform = Callable[[Command[Any]], Any]

EDGES = [sign * ((1 << bits) + near) for bits in (0, 31, 32, 53, 63, 64, 70) for sign in (1, -1) for near in (0, -1)]
INTEGERS = st.integers() | st.sampled_from(EDGES)
POSITIVE = INTEGERS.map(abs)
NUMBERS = INTEGERS | st.floats()
CHARACTERS = st.characters(categories=("L", "M", "N", "P", "S", "Z", "C"))  # lone surrogates and NUL too
TEXT = st.text(CHARACTERS) | st.sampled_from(["\ud800", "a\udcff", "a\0b", "return 1", ";?", "[", "[!", "\\xff", "\\"])
PATHS = TEXT.filter(lambda path: not path.strip("./ "))  # else a whole disk may be searched
VMS = st.lists(st.sampled_from([1, 2]) | INTEGERS, max_size=3).map(tuple)
OPTIONS = st.builds(
    VMOptions,
    lua=st.sampled_from(LuaVersion),
    mode=st.none() | st.sampled_from(CacheMode),
    sharing=st.sampled_from(Sharing),
    memory_cap=st.none() | POSITIVE,
    roots=st.lists(TEXT, max_size=2).map(tuple),
    boot=st.none() | TEXT,
    instruction_budget=st.none() | POSITIVE,
    time_budget=st.none() | NUMBERS,
    jit=st.booleans(),
)
STEPS = st.builds(LookStep, kind=st.sampled_from(StepKind), name=TEXT, number=NUMBERS)
LOOKS = st.just(()) | st.lists(STEPS, max_size=3).map(lambda steps: (LookStep(StepKind.GLOBALS), *steps))
COMMANDS: st.SearchStrategy[Command[Any]] = st.one_of(
    st.builds(Spawn, options=OPTIONS),
    st.builds(Spawn, count=INTEGERS.filter(lambda count: count <= 2)),
    st.builds(Load, paths=st.lists(PATHS, max_size=3).map(tuple), vms=VMS),
    st.builds(RunChunk, vms=VMS, source=TEXT, chunkname=TEXT),
    st.builds(RunFile, vms=VMS, path=TEXT),
    st.builds(Collect, vms=VMS),
    st.builds(Interrupt, vms=VMS),
    st.builds(Close, vms=VMS.filter(lambda vms: vms and not {1, 2} & set(vms))),
    st.builds(SetMode, mode=st.sampled_from(CacheMode), vms=VMS),
    st.builds(SetLimits, cache_bytes=INTEGERS, cache_files=INTEGERS),
    st.builds(Clear, keys=st.lists(TEXT, max_size=3).map(tuple), pattern=TEXT, dry_run=st.booleans()),
    st.builds(Inspect, generation=INTEGERS),
    st.builds(InspectFile, path=TEXT, lua=st.sampled_from(LuaVersion)),
    st.builds(Holders, generation=INTEGERS),
    st.builds(LookInto, vm=st.just(1) | INTEGERS, path=LOOKS, offset=INTEGERS, limit=st.just(10) | INTEGERS),
    st.builds(FindClosures, generation=INTEGERS, line=INTEGERS, last_line=INTEGERS),
)


@pytest.fixture
def in_this_process() -> Iterator[Perform]:
    with Engine() as engine:
        engine.perform(Spawn(count=2))
        yield engine.perform


@pytest.fixture
def in_a_host() -> Iterator[Perform]:
    with HostProcess() as process, EngineClient.connect(process.address, timeout=DEADLINE) as client:
        client.request(Spawn(count=2)).result(DEADLINE)
        yield lambda command: client.request(command).result(DEADLINE)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["in_this_process", "in_a_host"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(command=COMMANDS)
@example(command=Load(paths=("\ud800",)))
@example(command=RunFile(vms=(), path="\ud800"))
@example(command=Inspect(generation=2**70))
@example(command=LookInto(vm=1, offset=2**63))
@example(command=FindClosures(generation=8, line=2**31, last_line=2**31))
@example(command=Spawn(options=VMOptions(time_budget=1e300)))
def test_a_command_works_or_is_refused_in_words(
    where: str, request: pytest.FixtureRequest, command: Command[Any]
) -> None:
    perform: Perform = request.getfixturevalue(where)
    try:
        perform(command)
    except MoonscopeError as error:
        assert str(error)
        assert "unexpected error" not in str(error)
    spawned = perform(Spawn())
    result = perform(RunChunk(vms=spawned.vms, source="return 1"))
    assert result[0].values == ("1",)
    perform(Close(vms=spawned.vms))
