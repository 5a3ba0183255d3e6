"""Verdicts as SARIF 2.1.0, the format in which editors and code-hosting sites take the findings of a checker.

One rule per kind of access that counts, one result per reason. Files that could not be checked are notifications of
the invocation. Lines are left out where they were stripped. (OASIS, "Static Analysis Results Interchange Format
Version 2.1.0", sections 3.13 – 3.58.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .values import FileVerdict, Kind, Reason, Verdict
from .words import EXPLANATIONS, SUMMARIES, WEIGHTS

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
ROOT = "%SRCROOT%"
"""The name under which relative URIs find their base."""
_LEVELS = {Verdict.READS_STATE: "note", Verdict.MAY_WRITE: "note", Verdict.WRITES_GLOBALS: "warning"}
_RULES = tuple(WEIGHTS)


def sarif_log(
    verdicts: Iterable[FileVerdict],
    failures: Sequence[tuple[str, str]],
    uri_of: Callable[[str], str],
    root: str,
    version: str,
) -> dict[str, Any]:
    """The whole log, ready for a JSON encoder.

    `failures` are (key, message) of files that could not be checked; `uri_of` gives the URI of a key, relative to
    the URI `root` (which ends in "/") or absolute.
    """

    def location(key: str, line: int = 0) -> dict[str, Any]:
        uri = uri_of(key)
        artifact = {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": ROOT}
        region = {"region": {"startLine": line}} if line else {}
        return {"physicalLocation": {"artifactLocation": artifact, **region}}

    def result(key: str, reason: Reason) -> dict[str, Any]:
        place = location(key, reason.line)
        place["logicalLocations"] = [{"fullyQualifiedName": reason.function, "kind": "function"}]
        return {
            "ruleId": reason.kind.value,
            "ruleIndex": _RULES.index(reason.kind),
            "level": _LEVELS[reason.weight],
            "message": {"text": reason.text},
            "locations": [place],
        }

    notifications = [
        {"level": "error", "message": {"text": message}, "locations": [location(key)]} for key, message in failures
    ]
    run = {
        "tool": {"driver": {"name": "Moonscope", "version": version, "rules": [_rule(kind) for kind in _RULES]}},
        "originalUriBaseIds": {ROOT: {"uri": root}},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": notifications}],
        "columnKind": "unicodeCodePoints",
        "results": [result(verdict.key, reason) for verdict in verdicts for reason in verdict.reasons],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(kind: Kind) -> dict[str, Any]:
    weight = WEIGHTS[kind]
    summary = SUMMARIES[kind]
    return {
        "id": kind.value,
        "name": "".join(word.capitalize() for word in kind.value.split("-")),
        "shortDescription": {"text": f"{summary[0].upper()}{summary[1:]}."},
        "fullDescription": {"text": EXPLANATIONS[weight]},
        "help": {"text": f"A file that {summary} gets the verdict “{weight}”. {EXPLANATIONS[weight]}"},
        "defaultConfiguration": {"level": _LEVELS[weight]},
    }
