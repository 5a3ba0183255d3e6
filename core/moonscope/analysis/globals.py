"""The globals that each prototype of a file reads and writes, and what else it takes from its VM.

Lua 5.2 – 5.5 reach globals through the variable `_ENV`, Lua 5.1 through the environment of the function. Both are
followed from the main function into the functions it creates, through registers, locals and upvalues. A captured
variable is taken to keep what it held when the closure was made, unless a function assigns it a table that other code
uses (`variables`); what may be such a table, above all that of the globals, is taken to be it. LuaJIT runs the language
of 5.1, and its instructions are followed as those of 5.1.
"""

from __future__ import annotations

from ..bytecode.follow import Follower, Operation, operations, upvalue_slot
from ..bytecode.tables import DIALECTS
from ..model import LuaVersion, Prototype, PrototypePath, PrototypeTree, walk
from .access import Touch, read, write
from .calls import call
from .flow import ENVIRONMENT, GLOBALS, Global, Literal, Made, State, Value, follow
from .standard import TABLES
from .values import Access, FileState, Kind, PrototypeState
from .variables import Assigned, Scope, Variable

_MOST_ROUNDS = 16
"""A round finds what variables hold that the round before found out; no program needs so many."""


def file_state(tree: PrototypeTree) -> FileState:
    """What all prototypes of a file do with the state of the VM that runs them."""
    assigned = Assigned()
    for _ in range(_MOST_ROUNDS):
        assigned.changed = False
        found = _round(tree, assigned)
        if not assigned.changed:
            break
    return FileState(lua=tree.lua, key=tree.key, prototypes=tuple(found))


def _round(tree: PrototypeTree, assigned: Assigned) -> list[PrototypeState]:
    """Follow all prototypes once, with what is known of captured variables, and learn more about these."""
    found: list[PrototypeState] = []
    root = Scope(tree.root, (), (None,) * len(tree.root.upvalues))
    entries: dict[PrototypePath, tuple[State, Scope]] = {(): (_entry(tree), root)}
    for path, prototype in walk(tree.root):
        entry, scope = entries.pop(path)
        run = _Run(prototype, tree.lua, entry, scope, assigned)
        state = PrototypeState(
            path=path,
            name=prototype.name,
            line=prototype.line,
            last_line=prototype.last_line,
            upvalues=_captured(prototype, entry),
            accesses=run.accesses(),
        )
        if state.accesses or state.upvalues:
            found.append(state)
        for at, child in enumerate(prototype.children):
            inner = (*path, at)
            variables = run.variables.get(at, (None,) * len(child.upvalues))
            entries[inner] = run.entry(at), Scope(child, inner, variables)
    return found


def _entry(tree: PrototypeTree) -> State:
    """What is known when the main function starts: only where its globals are."""
    if DIALECTS[tree.lua].has_environments:
        return {ENVIRONMENT: GLOBALS}
    main = tree.root.line == 0  # Lua sets the first upvalue of a main function to the globals; names may be stripped
    upvalues = enumerate(tree.root.upvalues)
    return {upvalue_slot(at): GLOBALS for at, each in upvalues if each.name == "_ENV" or (main and at == 0)}


def _captured(prototype: Prototype, entry: State) -> tuple[str, ...]:
    """The names of the upvalues, without the way to the globals that every function has."""
    names = [each.name for each in prototype.upvalues]
    return tuple(
        name for at, name in enumerate(names) if name not in ("_ENV", "") or entry.get(upvalue_slot(at)) != GLOBALS
    )


class _Run(Follower[Value]):
    """One prototype followed through its code."""

    def __init__(self, prototype: Prototype, lua: LuaVersion, entry: State, scope: Scope, assigned: Assigned) -> None:
        super().__init__()
        self.variables: dict[int, tuple[Variable | None, ...]] = {}  # child → what its upvalues are
        self._entries: dict[int, State] = {}  # child → what it starts with
        self._environments: dict[int, Value | None] = {}  # child → what setfenv gave it before it was used
        self._used: set[int] = set()  # children that may have been called
        self._scope = scope
        self._assigned = assigned
        self._prototype = prototype
        self._lua = lua
        self._dialect = DIALECTS[lua]
        self._found: dict[int, list[Touch]] = {}  # by pc; what is found last counts
        self._touches: list[Touch] = []  # of the present one
        upvalues = [len(child.upvalues) for child in prototype.children]
        follow(list(operations(prototype.code, upvalues, self._dialect)), entry, self)

    def entry(self, child: int) -> State:
        """What is known when a child starts."""
        state = dict(self._entries.get(child, {}))
        if child in self._environments:
            environment = self._environments[child]
            state.pop(ENVIRONMENT, None)
            if environment is not None:
                state[ENVIRONMENT] = environment
        return state

    def accesses(self) -> tuple[Access, ...]:
        """In the order of the code, without the "string" of a "string.format" on the same line."""
        code = self._prototype.code
        flat = [Access(*touch, code[pc - 1].line, pc) for pc in sorted(self._found) for touch in self._found[pc]]
        dotted = {(access.line, access.name.partition(".")[0]) for access in flat if "." in access.name}
        tables = TABLES[self._lua] - {"_G"}
        return tuple(
            each
            for each in flat
            if each.kind is not Kind.READS_STANDARD or each.name not in tables or (each.line, each.name) not in dotted
        )

    def step(self, operation: Operation) -> None:
        self._touches = self._found[operation[0]] = []
        super().step(operation)

    def load(self, slot: int) -> Value | None:
        """What a slot is known to hold, or may hold since another function assigned it."""
        variable = self._scope.at(slot, self.pc)
        elsewhere = self._assigned.values.get(variable) if variable is not None else None
        known = self.state.get(slot)
        return known if elsewhere is None or known == GLOBALS else elsewhere

    def store(self, slot: int, value: Value | None) -> None:
        if slot < 0:
            self._leave(value)
            names = {upvalue_slot(at): each.name for at, each in enumerate(self._prototype.upvalues)}
            if names.get(slot, "") in ("_ENV", "") and self.state.get(slot) == GLOBALS:
                self._touches.append((Kind.CHANGES_ENVIRONMENT, "_ENV"))
        super().store(slot, value)
        variable = self._scope.at(slot, self.pc)
        if variable is not None:
            self._assigned.add(variable, value)

    def globals(self) -> Value | None:
        return self.state.get(ENVIRONMENT)

    def constant(self, index: int) -> Value | None:
        own = self._prototype
        return Literal(own.constants[index], own.constant_types[index]) if 0 <= index < len(own.constants) else None

    def number(self, value: int) -> Value | None:
        return Literal(str(value), "number")

    def read(self, table: Value | None, key: Value | None) -> Value | None:
        if not isinstance(table, Global):
            return None
        touch, result = read(table, key if isinstance(key, Literal) else None, self._lua)
        if touch is not None:
            self._touches.append(touch)
        return result

    def write(self, table: Value | None, key: Value | None, value: Value | None) -> None:
        key = key if isinstance(key, Literal) else None
        touch = write(table, key, self._lua) if isinstance(table, Global) else None
        if touch is not None:
            self._touches.append(touch)
        elif value == GLOBALS:
            read_only = key is not None and key.text == '"__index"'
            self._touches.append((Kind.READS_ALL_GLOBALS, "__index") if read_only else (Kind.HANDS_ON_GLOBALS, ""))
        self._leave(value)

    def closure(self, child: int) -> Value | None:
        """Its upvalues are registers or upvalues of this function."""
        if not 0 <= child < len(self._prototype.children):
            return None
        made = self._prototype.children[child]
        entry: State = {}
        for at, upvalue in enumerate(made.upvalues):
            value = self.state.get(upvalue.index if upvalue.in_stack else upvalue_slot(upvalue.index))
            if isinstance(value, Made):
                self._leave(value)
            elif value is not None:
                entry[upvalue_slot(at)] = value
        if ENVIRONMENT in self.state:
            entry[ENVIRONMENT] = self.state[ENVIRONMENT]
        self._entries[child] = entry
        self.variables[child] = self._scope.capture(made, self.pc)
        return Made(child)

    def call(self, function: int, count: int) -> None:
        result = self._result(function, count)
        super().call(function, count)
        self.store(function, result)

    def give(self, first: int, count: int) -> None:
        given = self._arguments(first, count)
        self._leave(*given)
        if GLOBALS in given:
            self._touches.append((Kind.HANDS_ON_GLOBALS, ""))

    def declare(self) -> None:
        self._found.pop(self.pc - 1, None)

    def _leave(self, *values: Value | None) -> None:
        """Values go where they may be called."""
        self._used.update(each.at for each in values if isinstance(each, Made))

    def _result(self, register: int, count: int) -> Value | None:
        """Of calling the function in a register."""
        function = self.state.get(register)
        path = function.path if isinstance(function, Global) else ""
        arguments = self._arguments(register + self._dialect.first_argument, count)
        if path in ("setfenv", "debug.setfenv") and self._dialect.has_environments and len(arguments) > 1:
            self._set_environment(arguments[0], arguments[1])
            arguments = [None if isinstance(each, Made) else each for each in arguments]
        self._leave(function, *arguments)
        outcome = call(path, arguments, self.globals(), self._lua)
        self._touches.extend(outcome.touches)
        if any(kind is Kind.RUNS_LOADED_CODE for kind, _ in outcome.touches) and path != "dofile":
            return Made(-1 - self.pc)
        if outcome.new_environment:
            super().store(ENVIRONMENT, outcome.environment)
        return outcome.result

    def _set_environment(self, function: Value | None, environment: Value | None) -> None:
        """setfenv on a function that was made here and cannot have run yet: its globals are another table's fields."""
        if not isinstance(function, Made) or function.at in self._used or environment == GLOBALS:
            return
        if function.at >= 0:
            self._environments[function.at] = environment if isinstance(environment, Global) else None
        else:
            touches = self._found[-1 - function.at]
            touches[:] = [touch for touch in touches if touch[0] is not Kind.RUNS_LOADED_CODE]

    def _arguments(self, first: int, count: int) -> list[Value | None]:
        """What is known of so many registers; -1: of as many as there are, which is one at least."""
        beyond = 1 + max((slot for slot in self.state if slot >= first), default=first)
        return [self.state.get(register) for register in range(first, first + count if count >= 0 else beyond)]
