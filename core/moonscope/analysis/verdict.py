"""From what a file does with the state of its VM to a verdict with reasons."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import PrototypeTree
from .globals import file_state
from .values import Access, FileState, FileVerdict, Kind, PrototypeState, Reason, Verdict
from .words import EXPLANATIONS, REMARKS, WEIGHTS, sentence

_READS = (Kind.READS_GLOBAL, Kind.READS_OTHER_STANDARD)
_WRITES = (Kind.WRITES_GLOBAL, Kind.CHANGES_STANDARD, Kind.DEFINES_MODULE)
_STANDARD = (Kind.READS_STANDARD, Kind.LOADS_CODE, Kind.USES_DEBUG, Kind.CHANGES_ENVIRONMENT, Kind.REACHES_BEYOND)


def judge(tree: PrototypeTree) -> FileVerdict:
    """The verdict on one file."""
    return verdict_of(file_state(tree))


def verdict_of(state: FileState) -> FileVerdict:
    """The verdict on what `file_state` found: the heaviest of what its accesses count for."""
    found = [(prototype, access) for prototype in state.prototypes for access in prototype.accesses]
    reasons = _sentences(state, ((owner, access) for owner, access in found if access.kind in WEIGHTS))
    order = list(Verdict)
    verdict = max((reason.weight for reason in reasons), key=order.index, default=Verdict.SHARES_CLEANLY)
    accesses = [access for _, access in found]
    return FileVerdict(
        lua=state.lua,
        key=state.key,
        verdict=verdict,
        text=EXPLANATIONS[verdict],
        reasons=reasons,
        remarks=_sentences(state, ((owner, access) for owner, access in found if access.kind in REMARKS)),
        reads=_names(accesses, _READS),
        writes=_names(accesses, _WRITES),
        standard=tuple(name for name in _names(accesses, _STANDARD) if name != "_ENV"),
        modules=_names(accesses, (Kind.REQUIRES,)),
    )


def _names(accesses: Iterable[Access], kinds: tuple[Kind, ...]) -> tuple[str, ...]:
    return tuple(sorted({access.name for access in accesses if access.kind in kinds and access.name}))


def _sentences(state: FileState, found: Iterable[tuple[PrototypeState, Access]]) -> tuple[Reason, ...]:
    """One reason per line, kind and name, by line."""
    once: dict[tuple[object, ...], Reason] = {}
    for owner, access in found:
        once.setdefault((owner.path, access.line, access.kind, access.name), _reason(state, owner, access))
    return tuple(sorted(once.values(), key=lambda reason: (reason.line, reason.path)))


def _reason(state: FileState, owner: PrototypeState, access: Access) -> Reason:
    return Reason(
        kind=access.kind,
        weight=WEIGHTS.get(access.kind, Verdict.SHARES_CLEANLY),
        name=access.name,
        line=access.line,
        path=owner.path,
        function=_title(owner),
        text=sentence(access.kind, access.name, state.lua),
    )


def _title(owner: PrototypeState) -> str:
    if not owner.path:
        return "main function"
    return f"function {owner.name}" if owner.name else f"function at line {owner.line}"
