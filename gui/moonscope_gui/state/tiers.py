"""How VMs get cached functions, and why not in a better way, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from moonscope.model import GenerationRow, LuaVersion, Sharing, Tier, VMRow

from ..widgets import formats
from ..widgets.table import Column
from .engine_state import EngineState

Row = TypeVar("Row")

MEANINGS = {
    Tier.DIRECT: "one prototype in memory for all VMs",
    Tier.GRAFT: "code and debug information shared, constants per VM",
    Tier.BYTECODE: "compiled once, undumped in each VM",
    Tier.OFF: "loaded plainly in each VM",
}

_LEFT_OUT = (
    "VMs of {lua} share by {tier}, but this file cannot be shared so: {many}it is precompiled and its function is "
    "no plain main function."
)
_MANY = {Tier.GRAFT: "it has more constants than one object of a VM holds, or "}
_CONFLICT = "the VM had words of its own before the file was frozen."


def shown(row: VMRow | GenerationRow) -> str:
    """A tier in a word; and how many files of a VM, or VMs of a file, have another."""
    if not row.conflicts:
        return row.tier.value
    other = row.conflict_tier.value if isinstance(row, GenerationRow) else "graft"
    return f"{row.tier}, {row.conflicts:,} {other}"


def tone(row: VMRow | GenerationRow) -> str:
    return "bypass" if row.conflicts else ""


def explained(columns: Sequence[Column[Row]], explain: Callable[[Row], str]) -> tuple[Column[Row], ...]:
    """The columns, with an explanation for each cell of the one that shows tiers, and of the first: where there is
    little room the other one is hidden."""
    first, *others = columns
    own = first.cell_tip

    def tell(row: Row) -> str:
        return "\n".join(filter(None, (own(row) if own else "", explain(row))))

    found = (replace(column, cell_tip=explain) if column.key == "tier" else column for column in others)
    return (replace(first, cell_tip=tell), *found)


def of_vm(state: EngineState, row: VMRow) -> str:
    said = f"{row.tier}: {MEANINGS[row.tier]}.{_why(state, row.lua, row.tier)}"
    if row.conflicts:
        files = f"{formats.plural(row.conflicts, 'file')} of {row.generations:,}"
        said += f"\n{files} by graft, or by bytecode where constants are too many: {_CONFLICT}"
    return said


def of_generation(state: EngineState, row: GenerationRow) -> str:
    others = _used(state, row.lua) - {row.tier}
    why = f" {_left_out(row.lua, min(others))}" if others else _why(state, row.lua, row.tier)
    said = f"{row.tier}: {MEANINGS[row.tier]}.{why}"
    if row.conflicts:
        held = f" {formats.size(row.conflict_bytes)} in each of them." if row.conflict_bytes else ""
        said += f"\n{formats.plural(row.conflicts, 'VM')} of {row.holders:,} by {row.conflict_tier}: {_CONFLICT}{held}"
    return said


def in_force(state: EngineState) -> str:
    """What the VMs that are there have, a line for each Lua and tier, and why it is not a better one."""
    lines = []
    for (lua, tier), count in sorted(Counter((row.lua, row.tier) for row in state.vms.values()).items()):
        vms = f"{formats.plural(count, 'VM')} of {lua.full_name}"
        lines.append(f"{vms}: {tier}, {MEANINGS[tier]}.{_why(state, lua, tier)}")
        conflicts = sum(row.conflicts > 0 for row in state.vms.values() if (row.lua, row.tier) == (lua, tier))
        if conflicts:
            lines.append(f"In {formats.plural(conflicts, 'VM')} of them some files by graft: {_CONFLICT}")
    return "\n".join(lines)


def on_offer(state: EngineState, lua: LuaVersion) -> str:
    """What VMs of a Lua can have."""
    best = _best(state).get(lua)
    if best is None:
        return ""
    tier, why = best
    words = f"The best here for {lua.full_name} is {tier}: {MEANINGS[tier]}{f' ({why})' if why else ''}."
    default = state.settings.default_sharing if state.settings else Sharing.AUTO
    if default is not Sharing.AUTO:
        words += f" This engine was started with {default}; “automatic” means that, where it can be had."
    used = _used(state, lua)
    if used:
        words += f" VMs of {lua.full_name} share by {min(used)} now, and all of them must share in the same way."
    return words


def _used(state: EngineState, lua: LuaVersion) -> set[Tier]:
    """How VMs of a Lua share: in one way, or there are none."""
    return {row.tier for row in state.vms.values() if row.lua is lua} - {Tier.OFF}


def _left_out(lua: LuaVersion, tier: Tier) -> str:
    return _LEFT_OUT.format(lua=lua.full_name, tier=tier, many=_MANY.get(tier, ""))


def _best(state: EngineState) -> dict[LuaVersion, tuple[Tier, str]]:
    return {lua: (tier, why) for lua, tier, why in state.settings.tiers} if state.settings else {}


def _why(state: EngineState, lua: LuaVersion, tier: Tier) -> str:
    best, why = _best(state).get(lua, (tier, ""))
    if tier is not best:
        return f" It was asked for; {best} can be had."
    return f" Why not better: {why}." if why else ""
