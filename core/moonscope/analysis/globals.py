"""The globals that each prototype of a file reads and writes, and what else it takes from its VM.

Lua 5.2 – 5.5 reach globals through the variable `_ENV`, Lua 5.1 through the environment of the function. Both are
followed from the main function into the functions it creates, through registers, locals and upvalues. A captured
variable is taken to keep what it held when the closure was made, unless a function assigns it a table that other code
uses (`variables`); what may be such a table, above all that of the globals, is taken to be it. LuaJIT runs the language
of 5.1, and its instructions are followed as those of 5.1.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..bytecode.as51 import as_51
from ..model import Instruction, LuaVersion, Prototype, PrototypeTree
from .access import Touch, read, write
from .calls import call
from .flow import GLOBALS, Global, Literal, Made, State, Value, follow, written
from .operands import ENVIRONMENT, JITS, LIKE_51, OLD, TableUse, constant_at, table_use, upvalue_slot
from .standard import TABLES
from .values import Access, FileState, Kind, PrototypePath, PrototypeState
from .variables import Assigned, Scope, Variable

_MOST_ROUNDS = 16
"""A round finds what variables hold that the round before found out; no program needs so many."""


def file_state(tree: PrototypeTree) -> FileState:
    """What all prototypes of a file do with the state of the VM that runs them."""
    assigned = Assigned()
    for _ in range(_MOST_ROUNDS):
        assigned.news = False
        found = _round(tree, assigned)
        if not assigned.news:
            break
    return FileState(lua=tree.lua, key=tree.key, prototypes=tuple(found))


def _round(tree: PrototypeTree, assigned: Assigned) -> list[PrototypeState]:
    """Follow all prototypes once, with what is known of captured variables, and learn more about these."""
    found: list[PrototypeState] = []
    root = Scope(tree.root, (), (None,) * len(tree.root.upvalues))
    waiting: list[tuple[Prototype, PrototypePath, State, Scope]] = [(tree.root, (), _entry(tree), root)]
    while waiting:
        prototype, path, entry, scope = waiting.pop()
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
        for at, child in reversed(list(enumerate(prototype.children))):
            inner = (*path, at)
            variables = run.variables.get(at, (None,) * len(child.upvalues))
            waiting.append((child, inner, run.entry(at), Scope(child, inner, variables)))
    return found


def _entry(tree: PrototypeTree) -> State:
    """What is known when the main function starts: only where its globals are."""
    if tree.lua in LIKE_51:
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


class _Run:
    """One prototype followed through its code."""

    def __init__(
        self, prototype: Prototype, lua: LuaVersion, entry: State, scope: Scope, assigned: Assigned
    ) -> None:
        self.variables: dict[int, tuple[Variable | None, ...]] = {}  # child → what its upvalues are
        self._entries: dict[int, State] = {}  # child → what it starts with
        self._environments: dict[int, Value | None] = {}  # child → what setfenv gave it before it was used
        self._used: set[int] = set()  # children that may have been called
        self._scope = scope
        self._assigned = assigned
        self._prototype = prototype
        self._lua = lua
        self._found: dict[int, list[Touch]] = {}  # by pc; what is found last counts
        self._captures = _captures(prototype) if lua is LuaVersion.LUA51 else frozenset()
        self._first_argument = 2 if lua is LuaVersion.LUAJIT21 else 1  # after the function; 2.1 has frames of two slots
        follow(as_51(prototype.code) if lua in JITS else prototype.code, entry, self._step, lua)

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

    def _step(self, instruction: Instruction, state: State) -> None:
        if instruction.pc in self._captures:
            return
        touches = self._found[instruction.pc] = []
        value, more = self._carry_out(instruction, state, touches)
        changed = written(instruction, self._lua)
        for slot in [slot for slot in state if slot in changed]:
            del state[slot]
        if value is not None:
            register = instruction.operands[0]
            state[register] = value
            self._assign(register, instruction.pc, value)
        state.update(more)

    def _assign(self, slot: int, pc: int, value: Value | None) -> None:
        variable = self._scope.at(slot, pc)
        if variable is not None:
            self._assigned.add(variable, value)

    def _get(self, slot: int, pc: int, state: State) -> Value | None:
        """What a slot is known to hold, or may hold since another function assigned it."""
        variable = self._scope.at(slot, pc)
        elsewhere = self._assigned.values.get(variable) if variable is not None else None
        known = state.get(slot)
        return known if elsewhere is None or known == GLOBALS else elsewhere

    def _carry_out(self, instruction: Instruction, state: State, touches: list[Touch]) -> tuple[Value | None, State]:
        """What the instruction puts into its register A, and into other slots."""
        opcode, operands = instruction.opcode, instruction.operands
        use = table_use(instruction, self._lua in OLD)
        if use is not None:
            receiver = self._get(operands[1], instruction.pc, state) if opcode == "SELF" else None
            result = self._table(use, instruction.pc, state, touches)
            return result, {operands[0] + 1: receiver} if receiver is not None else {}
        match opcode:
            case "MOVE":
                return self._get(operands[1], instruction.pc, state), {}
            case "GETUPVAL":
                return self._get(upvalue_slot(operands[1]), instruction.pc, state), {}
            case "KSHORT" | "LOADI" | "LOADF":  # a small number
                return Literal(str(operands[1]), "number"), {}
            case "LOADK":
                source = operands[1] if self._lua in OLD else -1 - operands[1]
                return self._known(source, state), {}
            case "SETUPVAL":
                self._set_upvalue(operands, instruction.pc, state, touches)
            case "CLOSURE":
                return self._create(operands[1], instruction.pc, state), {}
            case "CALL" | "TAILCALL":
                return self._call(operands, instruction.pc, state, touches), {}
            case "CALLT":  # LuaJIT: no RETURN follows
                if self._call(operands, instruction.pc, state, touches) == GLOBALS:
                    touches.append((Kind.HANDS_ON_GLOBALS, ""))
            case "RETURN" | "RETURN1" | "SETLIST":
                self._give_away(opcode, operands, state, touches)
            case "ERRNNIL":  # 5.5: the read before it only makes sure that a declared global is new
                self._found.pop(instruction.pc - 1, None)
        return None, {}

    def _known(self, source: int, state: State) -> Value | None:
        if source >= 0:
            return state.get(source)
        constant = constant_at(self._prototype, source)
        return Literal(*constant) if constant is not None else None

    def _table(self, use: TableUse, pc: int, state: State, touches: list[Touch]) -> Value | None:
        table = self._get(use.table, pc, state)
        key = self._known(use.key, state) if use.key is not None else None
        key = key if isinstance(key, Literal) else None
        touch: Touch | None = None
        result: Value | None = None
        if isinstance(table, Global):
            if use.into is not None:
                touch, result = read(table, key, self._lua)
            else:
                touch = write(table, key, self._lua)
        if touch is not None:
            touches.append(touch)
        value = self._known(use.value, state) if use.value is not None else None
        self._use([value])
        if touch is None and value == GLOBALS:
            read_only = key is not None and key.text == '"__index"'
            touches.append((Kind.READS_ALL_GLOBALS, "__index") if read_only else (Kind.HANDS_ON_GLOBALS, ""))
        return result

    def _use(self, values: Iterable[Value | None]) -> None:
        """Values go where they may be called."""
        self._used.update(each.at for each in values if isinstance(each, Made))

    def _set_upvalue(self, operands: tuple[int, ...], pc: int, state: State, touches: list[Touch]) -> None:
        value, slot = self._known(operands[0], state), upvalue_slot(operands[1])
        upvalues = self._prototype.upvalues
        name = upvalues[operands[1]].name if 0 <= operands[1] < len(upvalues) else ""
        if name in ("_ENV", "") and state.get(slot) == GLOBALS:
            touches.append((Kind.CHANGES_ENVIRONMENT, "_ENV"))
        self._use([value])
        self._assign(slot, pc, value)
        state.pop(slot, None)
        if value is not None:
            state[slot] = value

    def _create(self, index: int, pc: int, state: State) -> Value | None:
        """A closure is made: its upvalues are registers or upvalues of this function."""
        if not 0 <= index < len(self._prototype.children):
            return None
        child = self._prototype.children[index]
        entry: State = {}
        for at, upvalue in enumerate(child.upvalues):
            value = state.get(upvalue.index if upvalue.in_stack else upvalue_slot(upvalue.index))
            if isinstance(value, Made):
                self._used.add(value.at)
            elif value is not None:
                entry[upvalue_slot(at)] = value
        if ENVIRONMENT in state:
            entry[ENVIRONMENT] = state[ENVIRONMENT]
        self._entries[index] = entry
        self.variables[index] = self._scope.capture(child, pc)
        return Made(index)

    def _call(self, operands: tuple[int, ...], pc: int, state: State, touches: list[Touch]) -> Value | None:
        function = state.get(operands[0])
        path = function.path if isinstance(function, Global) else ""
        arguments = _arguments(operands[0] + self._first_argument, operands[1] - 1, state)
        environment = state.get(ENVIRONMENT)
        if path in ("setfenv", "debug.setfenv") and self._lua in LIKE_51 and len(arguments) > 1:
            self._set_environment(arguments[0], arguments[1])
            arguments = [None if isinstance(each, Made) else each for each in arguments]
        self._use([function, *arguments])
        outcome = call(path, arguments, environment, self._lua)
        touches.extend(outcome.touches)
        if any(kind is Kind.RUNS_LOADED_CODE for kind, _ in outcome.touches) and path != "dofile":
            return Made(-1 - pc)
        if outcome.new_environment:
            state.pop(ENVIRONMENT, None)
            if outcome.environment is not None:
                state[ENVIRONMENT] = outcome.environment
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

    def _give_away(self, opcode: str, operands: tuple[int, ...], state: State, touches: list[Touch]) -> None:
        """Values are returned or put into a new table."""
        first, count = operands[0], 1 if opcode == "RETURN1" else operands[1] - 1
        if opcode == "SETLIST":
            first, count = first + 1, operands[1] or -1
        given = _arguments(first, count, state)
        self._use(given)
        if GLOBALS in given:
            touches.append((Kind.HANDS_ON_GLOBALS, ""))


def _arguments(first: int, count: int, state: State) -> list[Value | None]:
    """What is known of `count` registers; -1: as many as there are, which is one at least."""
    last = first + count if count >= 0 else 1 + max((slot for slot in state if slot >= first), default=first)
    return [state.get(register) for register in range(first, last)]


def _captures(prototype: Prototype) -> frozenset[int]:
    """The pcs of 5.1's instructions after a CLOSURE that are not carried out: they name its upvalues."""
    found: set[int] = set()
    for instruction in prototype.code:
        if instruction.opcode == "CLOSURE" and instruction.operands[1] < len(prototype.children):
            count = len(prototype.children[instruction.operands[1]].upvalues)
            found.update(range(instruction.pc + 1, instruction.pc + 1 + count))
    return frozenset(found)
