"""The words for kinds, modes and states, the same in Lua, C, Python, the protocol and the window."""

from __future__ import annotations

from enum import StrEnum


class LuaVersion(StrEnum):
    """The Luas that lupa's wheel ships; a cache belongs to one of them."""

    LUA51 = "5.1"
    LUA52 = "5.2"
    LUA53 = "5.3"
    LUA54 = "5.4"
    LUA55 = "5.5"
    LUAJIT20 = "luajit2.0"
    LUAJIT21 = "luajit2.1"

    @property
    def full_name(self) -> str:
        """As its makers call it: "Lua 5.4", "LuaJIT 2.1"."""
        return self.replace("luajit", "LuaJIT ") if "jit" in self else f"Lua {self}"


class CacheMode(StrEnum):
    """skynet's modes, per VM: ON uses and stores, EXIST uses but never stores, OFF bypasses."""

    ON = "on"
    EXIST = "exist"
    OFF = "off"


class Sharing(StrEnum):
    """What a person asks for; `Tier` is what came of it."""

    AUTO = "auto"
    DIRECT = "direct"
    GRAFT = "graft"
    BYTECODE = "bytecode"
    OFF = "off"


class Libraries(StrEnum):
    """Which of Lua's standard libraries a spawned VM has. Whatever it has, its files load through the cache.

    ALL: all of them, as in a plain Lua.

    RESTRICTED: all but what can break the process by itself. No `debug`, no `package.loadlib`, `package.cpath` and
    searchers of C libraries. `load`, `loadstring`, `loadfile`, `dofile` and `require` refuse binary chunks, whatever
    mode they are given; `string.dump` is there. In LuaJIT no `ffi`, `string.buffer`, `jit.util`, `jit.opt`,
    `jit.profile` and `jit.attach`, and no `jit.on` in a VM that does not compile traces. Files, programs, the
    environment and the locale can be reached.

    PURE: of that, the basic functions, `coroutine`, `math`, `string`, `table`, `utf8`, `bit32`, `bit`; `package` and
    `require`; of `os` the functions `clock`, `date`, `difftime` and `time`. No `io`, no `jit`, and no `clear` in the
    module `codecache`, which clears for every VM. `loadfile`, `dofile` and `require` read any file that the process may
    read, but give it only as a function, and quote it in an error. Time, and memory up to the VM's cap, are the
    script's to use: set a budget and a cap.
    """

    ALL = "all"
    RESTRICTED = "restricted"
    PURE = "pure"


class Tier(StrEnum):
    """How a further VM gets a cached function.

    `direct`: a closure over the one prototype of the process (Moonscope's own runtime). `graft`: code and debug
    information shared, constants per VM (stock Lua 5.4 and 5.5). `bytecode`: undumped per VM. `off`: loaded plainly.
    """

    DIRECT = "direct"
    GRAFT = "graft"
    BYTECODE = "bytecode"
    OFF = "off"


class Outcome(StrEnum):
    """How a load ended."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"
    RACE = "race"
    ERROR = "error"


class VMState(StrEnum):
    STARTING = "starting"
    IDLE = "idle"
    RUNNING = "running"
    FAILED = "failed"  # the boot script failed or the last run ended in an error; usable again
    INTERRUPTED = "interrupted"  # the last run was interrupted; usable again
    CLOSED = "closed"


class GenerationState(StrEnum):
    CURRENT = "current"
    RETIRED = "retired"
    FREED = "freed"


class StepKind(StrEnum):
    """How to get from one value of a VM to the next. A path begins with one of the first three."""

    GLOBALS = "globals"
    LOADED = "package.loaded"
    REGISTRY = "registry"
    STRING = "string"  # the entry of a table with that key
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    OBJECT = "object"  # a key that is itself an object, or a long string, by its address
    METATABLE = "metatable"
    ENVIRONMENT = "environment"  # Lua 5.1 and LuaJIT, where it is not the globals
    UPVALUE = "upvalue"
    USER_VALUE = "user value"


class FunctionKind(StrEnum):
    LUA = "Lua closure"
    C = "C closure"
    LIGHT = "light C function"
