"""`moonscope check`: does each file share cleanly, read state of its VM, or write globals?"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec
from msgspec import Struct
from rich.text import Text

from .. import bytecode
from ..analysis.sarif import sarif_log
from ..analysis.values import FileVerdict, Reason, Verdict
from ..analysis.verdict import judge
from ..analysis.words import EXPLANATIONS, SUMMARIES
from ..cache.code_cache import CodeCache
from ..commands.find_files import find_files
from ..errors import MoonscopeError, UnsupportedError
from ..model import NO_CONTEXT, LuaVersion, names
from ..version import __version__
from .arguments import choice
from .report import Failure
from .terminal import Stages, console
from .text import complain, engine_path, printable

EXAMPLES = """\
examples:
  moonscope check src/
  moonscope check src/ main.lua --lua 5.1
  moonscope check src/ --quiet                  only files that write globals, for use in CI
  moonscope check src/ --sarif > check.sarif    for editors and code-hosting sites

Files are compiled, never run, and nothing is stored. A file that cannot be read or compiled is named on stderr and
counted, and the rest goes on.

exit codes: 0 no file is known to write globals, 1 a file writes globals, 2 wrong command line, or nothing to check
"""
_STYLES = {
    Verdict.SHARES_CLEANLY: "green",
    Verdict.READS_STATE: "yellow",
    Verdict.MAY_WRITE: "magenta",
    Verdict.WRITES_GLOBALS: "bold red",
}
_MOST_LINES = 8  # shown for one name; --json and --sarif have all


class CheckReport(Struct, frozen=True, kw_only=True):
    """What --json prints. `counts` has a number for each verdict."""

    lua: LuaVersion
    counts: dict[str, int]
    files: tuple[FileVerdict, ...]
    failures: tuple[Failure, ...]


def main(argv: Sequence[str]) -> int:
    """`moonscope check`: report what stands against sharing files. Returns the exit code."""
    args = _parser().parse_args(argv)
    report = _check([engine_path(path) for path in args.paths], args.lua)
    for failure in report.failures:
        named = failure.path in failure.message
        complain(failure.message if named else f"{failure.path}: {failure.message}")
    if args.json:
        print(msgspec.json.encode(report).decode())
    elif args.sarif:
        print(msgspec.json.format(msgspec.json.encode(_sarif(report)), indent=2).decode())
    else:
        _show(report, quiet=args.quiet)
    if not report.files:
        complain("error: no file could be checked" if report.failures else "error: there is no .lua file to check")
        return 2
    return 1 if report.counts[Verdict.WRITES_GLOBALS] else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="moonscope check",
        description=(
            "Tell for every .lua file under PATH what sharing its code between VMs means: "
            "it shares cleanly, reads state of its VM, writes globals, or may write what cannot be told; with names, "
            "lines and explanations."
        ),
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", help="Lua files, or folders to search for .lua files")
    choice(parser, "--lua", LuaVersion, LuaVersion.LUA54, "Lua that compiles them, and whose standard library counts")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="write one JSON object to stdout")
    form.add_argument("--sarif", action="store_true", help="write a SARIF 2.1.0 log to stdout")
    form.add_argument("--quiet", action="store_true", help="print only files that write globals, and why")
    return parser


def _check(paths: Sequence[str], lua: LuaVersion) -> CheckReport:
    found, troubles = find_files(paths, NO_CONTEXT)
    failures = [Failure(trouble.path, trouble.message) for trouble in troubles]
    cache = CodeCache(lua)
    verdicts = []
    with Stages() as stages:
        advance = stages.stage("checking files", len(found))
        for done, name in enumerate(found, 1):
            key = names.to_text(name)
            try:
                verdicts.append(judge(bytecode.read(cache.compile(key), lua, key)))
            except UnsupportedError:
                raise
            except MoonscopeError as error:
                failures.append(Failure(key, printable(str(error))))  # Lua quotes the source, which need not be UTF-8
            advance(done, len(found), key)
    tally = Counter(verdict.verdict for verdict in verdicts)
    counts = {verdict.value: tally[verdict] for verdict in _STYLES}
    return CheckReport(lua=lua, counts=counts, files=tuple(verdicts), failures=tuple(failures))


def _show(report: CheckReport, *, quiet: bool) -> None:
    out = console(sys.stdout)
    for verdict in report.files:
        if quiet and verdict.verdict is not Verdict.WRITES_GLOBALS:
            continue
        line = Text(f"{verdict.verdict:<22}", style=_STYLES[verdict.verdict])
        out.print(line.append(printable(verdict.key), "not bold default"))
        for why in _grouped(verdict.reasons):
            out.print(Text(f"    {why}", style="dim"))
    if quiet or not report.files:
        return
    out.print()
    out.print(Text(_summary(report)))
    for kind, count in report.counts.items():
        if count:
            out.print(Text(f"  {kind}: {EXPLANATIONS[Verdict(kind)]}"))


def _grouped(reasons: Sequence[Reason]) -> Iterator[str]:
    """One line for each kind, those that weigh most first: "writes a global: count (lines 3, 9), total (line 4)"."""
    order = list(Verdict)
    by_kind: dict[tuple[int, str], dict[str, dict[int, None]]] = {}
    for reason in reasons:
        group = by_kind.setdefault((-order.index(reason.weight), SUMMARIES[reason.kind]), {})
        group.setdefault(reason.name, {})[reason.line] = None
    for (_, summary), lines_of in sorted(by_kind.items(), key=lambda item: item[0][0]):
        texts = []
        for name, lines in sorted(lines_of.items()):
            texts.append(f"{printable(name)} ({_lines(list(lines))})" if name else _lines(list(lines)))
        yield f"{summary}: {', '.join(texts)}"


def _lines(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:_MOST_LINES]))
    more = f" and {len(lines) - _MOST_LINES:,} more" if len(lines) > _MOST_LINES else ""
    return f"line{'s' if len(lines) > 1 else ''} {shown}{more}"


def _summary(report: CheckReport) -> str:
    counts = ", ".join(f"{verdict}: {count:,}" for verdict, count in report.counts.items())
    failed = f", could not be checked: {len(report.failures):,}" if report.failures else ""
    files = f"{len(report.files):,} file{'' if len(report.files) == 1 else 's'}"
    return f"{files} ({report.lua.full_name}): {counts}{failed}"


def _sarif(report: CheckReport) -> dict[str, object]:
    here = Path.cwd()
    root = here.as_uri().rstrip("/") + "/"
    failures = [(failure.path, failure.message) for failure in report.failures]
    return sarif_log(report.files, failures, lambda key: _uri(key, here), root, __version__)


def _uri(key: str, here: Path) -> str:
    """Relative to the current folder if the file is below it, else absolute. Names need not be UTF-8."""
    path = os.path.normpath(here / os.fsdecode(names.to_bytes(key)))
    inside = Path(path).is_relative_to(here)
    return quote(os.fsencode(os.path.relpath(path, here))) if inside else Path(path).as_uri()
