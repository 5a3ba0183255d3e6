"""How VMs share is chosen when they are spawned, or for a whole engine when it starts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import lupa.lua54
import pytest

from moonscope.cache import runtime
from moonscope.commands import Close, Collect, InspectFile, Load, Spawn
from moonscope.engine import Engine
from moonscope.errors import UnsupportedError, UsageError
from moonscope.model import Context, LuaVersion, Sharing, Tier, VMOptions

Write = Callable[[str, str | bytes], str]
WAYS = (Sharing.GRAFT, Sharing.BYTECODE, Sharing.OFF)


@pytest.fixture
def new_engine() -> Iterator[Callable[..., Engine]]:
    made: list[Engine] = []

    def new_engine(**options: object) -> Engine:
        made.append(Engine(**options))  # type: ignore[arg-type]
        return made[-1]

    yield new_engine
    for engine in made:
        engine.close()


def spawn(engine: Engine, **options: object) -> tuple[int, ...]:
    result = engine.perform(Spawn(count=2, options=VMOptions(**options)))  # type: ignore[arg-type]
    return result.vms


def tiers(engine: Engine) -> list[Tier]:
    return [row.tier for row in engine.changes(0).vms]


@pytest.mark.parametrize("sharing", WAYS)
def test_the_tier_that_was_asked_for_is_in_force(engine: Engine, write: Write, sharing: Sharing) -> None:
    spawn(engine, sharing=sharing)
    assert tiers(engine) == [Tier(sharing.value)] * 2
    engine.perform(Load(paths=(write("a.lua", "return 1"),)))
    wanted = [] if sharing is Sharing.OFF else [Tier(sharing.value)]
    assert [row.tier for row in engine.changes(0).generations] == wanted


@pytest.mark.parametrize("sharing", WAYS)
def test_the_default_of_an_engine_is_what_auto_means(new_engine: Callable[..., Engine], sharing: Sharing) -> None:
    engine = new_engine(default_sharing=sharing)
    spawn(engine)
    spawn(engine, sharing=Sharing.OFF)
    assert tiers(engine) == [Tier(sharing.value)] * 2 + [Tier.OFF] * 2
    settings = engine.changes(0).settings
    assert settings is not None
    assert settings.default_sharing is sharing


def test_a_lua_that_cannot_have_the_default_has_its_best(new_engine: Callable[..., Engine], write: Write) -> None:
    engine = new_engine(default_sharing=Sharing.GRAFT)
    spawn(engine, lua=LuaVersion.LUA51)
    engine.perform(InspectFile(path=write("a.lua", "return 1"), lua=LuaVersion.LUA53))
    assert tiers(engine) == [Tier.BYTECODE] * 2


def test_a_default_that_no_lua_can_have_is_refused_at_once() -> None:
    with pytest.raises(UnsupportedError, match=r"no Lua can share by direct here .*moonscope-runtime"):
        Engine(default_sharing=Sharing.DIRECT, own_runtime=False)


def test_a_tier_that_cannot_be_had_is_refused_with_the_reason(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine(own_runtime=False)
    with pytest.raises(UnsupportedError, match=r"Lua 5\.4 cannot share by direct here: .*moonscope-runtime"):
        spawn(engine, sharing=Sharing.DIRECT)
    with pytest.raises(UnsupportedError, match=r"Lua 5\.1 cannot share by graft here: .*5\.4 and 5\.5 only"):
        spawn(engine, lua=LuaVersion.LUA51, sharing=Sharing.GRAFT)
    assert engine.changes(0).vms == ()


def test_why_there_is_no_better_tier_is_told(new_engine: Callable[..., Engine]) -> None:
    settings = new_engine(own_runtime=False).changes(0).settings
    assert settings is not None
    whys = {lua: (tier, why) for lua, tier, why in settings.tiers}
    assert set(whys) == {lua for lua, _ in settings.luas}
    assert whys[LuaVersion.LUA54][0] is Tier.GRAFT
    assert "moonscope-runtime" in whys[LuaVersion.LUA54][1]
    assert whys[LuaVersion.LUA51] == (Tier.BYTECODE, "code can be shared on Lua 5.4 and 5.5 only")


def test_vms_of_one_lua_share_in_one_way_until_none_is_left(engine: Engine) -> None:
    spawn(engine, sharing=Sharing.GRAFT)
    with pytest.raises(UsageError, match="share by graft; bytecode can be chosen when none of them is left"):
        spawn(engine, sharing=Sharing.BYTECODE)
    engine.perform(Close())
    spawn(engine, sharing=Sharing.BYTECODE)
    assert tiers(engine) == [Tier.BYTECODE] * 2


def test_a_cache_that_a_program_keeps_is_the_one_of_the_engine_after_a_change_too(
    new_engine: Callable[..., Engine], write: Write
) -> None:
    engine = new_engine(own_runtime=False)
    cache = engine.cache("5.4", Sharing.GRAFT)
    assert engine.cache("5.4", Sharing.BYTECODE) is cache
    lua_runtime = lupa.lua54.LuaRuntime()
    attached = cache.attach(lua_runtime)
    lua_runtime.execute(f"loadfile({write('a.lua', 'return 1')!r})")
    with pytest.raises(UsageError, match="share by bytecode; graft can be chosen when none of them is left"):
        spawn(engine, sharing=Sharing.GRAFT)
    engine.perform(Collect())  # reads what there is
    changes = engine.changes(0)
    assert [(row.id, row.tier) for row in changes.vms] == [(attached.id, Tier.BYTECODE)]
    assert [row.tier for row in changes.generations] == [Tier.BYTECODE]
    attached.close()


def test_a_generation_of_another_tier_never_has_the_id_of_an_earlier_one(engine: Engine, write: Write) -> None:
    """Windows keep what they know of a generation by its id."""
    ids: list[int] = []
    for number, sharing in enumerate((Sharing.GRAFT, Sharing.BYTECODE, Sharing.GRAFT)):
        spawn(engine, sharing=sharing)
        engine.perform(Load(paths=(write(f"{number}.lua", f"return {number}"),)))
        [row] = engine.changes(0).generations
        assert row.key.endswith(f"{number}.lua")
        ids.append(row.id)
        engine.perform(Close())
    assert len(set(ids)) == 3


def test_vms_that_are_being_made_settle_the_tier(engine: Engine) -> None:
    """Another tier cannot be chosen between the first and the last step of a spawn."""
    refused: list[str] = []

    def ask(*_: object) -> None:
        try:
            engine.cache(LuaVersion.LUA54, Sharing.BYTECODE)
        except UsageError as error:
            refused.append(str(error))

    asking = threading.Thread(target=lambda: engine.perform(
        Spawn(count=1, options=VMOptions(sharing=Sharing.GRAFT)), Context(ask)
    ))  # fmt: skip
    asking.start()
    asking.join()
    assert len(refused) == 2  # before the VM was made, and after
    assert tiers(engine) == [Tier.GRAFT]


@pytest.mark.skipif(not runtime.has_own(LuaVersion.LUA54), reason="moonscope-runtime is not installed")
def test_the_own_runtime_shares_directly_unless_told_otherwise(new_engine: Callable[..., Engine]) -> None:
    engine = new_engine(default_sharing=Sharing.DIRECT)
    spawn(engine)
    spawn(engine, lua=LuaVersion.LUA53)
    assert tiers(engine) == [Tier.DIRECT] * 2 + [Tier.BYTECODE] * 2
