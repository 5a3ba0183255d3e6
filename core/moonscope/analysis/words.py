"""What the analysis says to a Lua user, and what each kind of access counts for."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import LuaVersion
from .standard import others_with
from .values import Kind, Verdict

EXPLANATIONS: Mapping[Verdict, str] = {
    Verdict.SHARES_CLEANLY: (
        "The file uses its own variables and the standard library only: "
        "VMs that share its code all see it behave the same."
    ),
    Verdict.READS_STATE: (
        "The code is shared, the globals it reads are not: each VM has its own. "
        "A VM where one is missing or has another value gets another result from the same cached code."
    ),
    Verdict.MAY_WRITE: (
        "The file does something that can change the VM that runs it, and what it changes cannot be told here or is a "
        "setting that is no global: it may work on tables that others use, run code that is not in the file, or set "
        "what holds for the whole VM."
    ),
    Verdict.WRITES_GLOBALS: (
        "Running the file changes the VM that runs it, and only that one. Taking the file from the cache "
        "does not bring along what another VM's run has set: each VM has to run it, and in each VM its names "
        "can collide with those of other files."
    ),
    Verdict.NOT_ANALYSED: "Nothing is known about the globals of this file.",
}

WEIGHTS: Mapping[Kind, Verdict] = {
    Kind.READS_GLOBAL: Verdict.READS_STATE,
    Kind.READS_COMPUTED_GLOBAL: Verdict.READS_STATE,
    Kind.READS_ALL_GLOBALS: Verdict.READS_STATE,
    Kind.HANDS_ON_GLOBALS: Verdict.MAY_WRITE,
    Kind.HANDS_ON_STANDARD: Verdict.MAY_WRITE,
    Kind.RUNS_LOADED_CODE: Verdict.MAY_WRITE,
    Kind.REACHES_BEYOND: Verdict.MAY_WRITE,
    Kind.CHANGES_SETTING: Verdict.MAY_WRITE,
    Kind.WRITES_GLOBAL: Verdict.WRITES_GLOBALS,
    Kind.WRITES_COMPUTED_GLOBAL: Verdict.WRITES_GLOBALS,
    Kind.CHANGES_STANDARD: Verdict.WRITES_GLOBALS,
    Kind.CHANGES_METATABLE: Verdict.WRITES_GLOBALS,
    Kind.DEFINES_MODULE: Verdict.WRITES_GLOBALS,
}
"""Kinds that count; the others are remarks at most."""

REMARKS = frozenset({Kind.READS_OTHER_STANDARD, Kind.LOADS_CODE, Kind.USES_DEBUG, Kind.CHANGES_ENVIRONMENT})
"""Kinds that do not count and are worth a sentence."""

SUMMARIES: Mapping[Kind, str] = {
    Kind.READS_GLOBAL: "reads a global outside the standard library",
    Kind.READS_COMPUTED_GLOBAL: "reads a global whose name is computed",
    Kind.READS_ALL_GLOBALS: "reads the table of globals as a whole",
    Kind.HANDS_ON_GLOBALS: "hands the table of globals on",
    Kind.HANDS_ON_STANDARD: "hands a table of the standard library on",
    Kind.RUNS_LOADED_CODE: "loads code that has the globals",
    Kind.REACHES_BEYOND: "uses a debug function that changes what others use",
    Kind.CHANGES_SETTING: "changes a setting of the VM",
    Kind.WRITES_GLOBAL: "writes a global",
    Kind.WRITES_COMPUTED_GLOBAL: "writes a global whose name is computed",
    Kind.CHANGES_STANDARD: "changes the standard library",
    Kind.CHANGES_METATABLE: "changes the metatable of the globals",
    Kind.DEFINES_MODULE: "defines a module with module()",
    Kind.READS_OTHER_STANDARD: "uses a standard name of another Lua",
    Kind.LOADS_CODE: "loads code at run time",
    Kind.USES_DEBUG: "uses the debug library",
    Kind.CHANGES_ENVIRONMENT: "changes or asks for an environment",
}
"""A few words per kind, without a name."""


def sentence(kind: Kind, name: str, lua: LuaVersion) -> str:
    """What an access means when many VMs share the prototype that makes it."""
    match kind:
        case Kind.READS_GLOBAL:
            return (
                f"Reads the global {name}, which is not in the standard library of {lua.full_name}. Each VM has its "
                f"own globals: the shared code finds what this VM was given, or nil, never what another VM has set."
            )
        case Kind.READS_COMPUTED_GLOBAL:
            return (
                "Reads a global whose name is computed while the program runs, so it can be any. "
                "The shared code finds what this VM has under that name."
            )
        case Kind.READS_ALL_GLOBALS:
            return (
                f"Gives the table of globals to {name} for reading. What is found there is what the VM has that runs "
                "the code."
            )
        case Kind.HANDS_ON_STANDARD:
            return (
                f"Hands {name}, a table of the standard library, to a function that is not known here and may change "
                "it, for all code of the VM that runs this."
            )
        case Kind.RUNS_LOADED_CODE:
            return (
                f"Loads code by {name} that has the globals of the VM. It is not in this file: it may write them."
            )
        case Kind.REACHES_BEYOND:
            return (
                f"Uses {name}, which can change variables, metatables and settings that the file itself does not have."
            )
        case Kind.CHANGES_SETTING:
            return f"Calls {name}, which sets something for all code of the VM that runs this, or of the process."
        case Kind.HANDS_ON_GLOBALS:
            return (
                f"Hands the table of globals on{f' to {name}' if name else ''}. What is then read or written in it "
                "cannot be told here; it is the table of the VM that runs the code."
            )
        case Kind.WRITES_GLOBAL:
            return (
                f"Writes the global {name} of the VM that runs it. VMs that only load the shared code do not get it, "
                f"and any other file of the same VM that uses the name {name} sees it or overwrites it."
            )
        case Kind.WRITES_COMPUTED_GLOBAL:
            return (
                "Writes a global whose name is computed while the program runs, so it can be any, "
                "also one of the standard library. Only the VM that runs the code is changed."
            )
        case Kind.CHANGES_STANDARD:
            return (
                f"Changes {name}, a part of the standard library. All code in the VM that runs this gets the change, "
                "files from the cache included; other VMs do not, though they share the same code."
            )
        case Kind.CHANGES_METATABLE:
            return (
                "Sets a metatable on the table of globals. Every global that any code of this VM reads or writes can "
                "now behave differently from a VM that shares the code and has not run this."
            )
        case Kind.DEFINES_MODULE:
            return (
                f"Calls module(), which makes a global table {name or '(with a computed name)'} in the VM that runs "
                "it. Global names that the file uses after the call are fields of that table and are not listed."
            )
        case Kind.READS_OTHER_STANDARD:
            luas = ", ".join(others_with(name, lua))
            return (
                f"Uses {name}, which the standard library of {lua.full_name} does not have (that of {luas} has). "
                "It is nil unless the VM was given one; taken for a check of the version, so it does not count."
            )
        case Kind.LOADS_CODE:
            return f"Uses {name}. The code it loads is not in this file: what that does with globals is not known."
        case Kind.USES_DEBUG:
            return f"Uses {name}, which can reach past the rules of the language; that is not followed here."
        case Kind.CHANGES_ENVIRONMENT if name == "_ENV":
            return "Assigns to _ENV: the global names that follow are fields of another table and are not listed."
        case Kind.CHANGES_ENVIRONMENT:
            return (
                f"Uses {name}: global names can mean the fields of another table than the globals of the VM. "
                "What is found in such a table is not listed."
            )
        case Kind.REQUIRES:
            return f"Requires {name or 'a module whose name is computed'}. Each VM runs and keeps its own instance."
        case Kind.READS_STANDARD:
            return f"Uses {name} of the standard library."
