"""How VMs get cached functions, and why not in a better way, in words."""

from __future__ import annotations

from collections import Counter

from moonscope.model import LuaVersion, Tier

from . import formats
from .state import EngineState

MEANINGS = {
    Tier.DIRECT: "one prototype in memory for all VMs",
    Tier.GRAFT: "code and debug information shared, constants per VM",
    Tier.BYTECODE: "compiled once, undumped in each VM",
    Tier.OFF: "loaded plainly in each VM",
}


def in_force(state: EngineState) -> str:
    """What the VMs that are there have, a line for each Lua and tier, and why it is not a better one."""
    lines = []
    for (lua, tier), count in sorted(Counter((row.lua, row.tier) for row in state.vms.values()).items()):
        lines.append(f"{formats.plural(count, 'VM')} of Lua {lua}: {tier}, {MEANINGS[tier]}.{_why(state, lua, tier)}")
    return "\n".join(lines)


def on_offer(state: EngineState, lua: LuaVersion) -> str:
    """What VMs of a Lua can have."""
    best = _best(state).get(lua)
    if best is None:
        return ""
    tier, why = best
    words = f"The best here for Lua {lua} is {tier}: {MEANINGS[tier]}{f' ({why})' if why else ''}."
    used = {row.tier for row in state.vms.values() if row.lua is lua} - {Tier.OFF}
    if used:
        words += f" VMs of Lua {lua} share by {min(used)} now, and all of them must share in the same way."
    return words


def _best(state: EngineState) -> dict[LuaVersion, tuple[Tier, str]]:
    return {lua: (tier, why) for lua, tier, why in state.settings.tiers} if state.settings else {}


def _why(state: EngineState, lua: LuaVersion, tier: Tier) -> str:
    best, why = _best(state).get(lua, (tier, ""))
    if tier is not best:
        return f" It was asked for; {best} can be had."
    return f" Why not better: {why}." if why else ""
