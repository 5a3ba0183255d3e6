"""A function with all nested ones as one self-contained HTML page: listings with links, tables, sizes, source."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from moonscope.model import Instruction, LuaVersion, Prototype, PrototypePath, PrototypeTree, walk

from ...code.operands import Registers
from ...code.parts import parts_of
from ...code.prototype_names import lines_of, name_of
from ...code.spans import Span, child_of, meaning_spans, operand_spans
from ...widgets import formats, theme
from .export_text import release, totals
from .source_text import Source

_STYLE = """
body { background: var(--base); color: var(--text); font: 14px/1.45 system-ui, sans-serif; margin: 24px; }
h2 { margin: 32px 0 4px; border-top: 1px solid var(--border); padding-top: 16px; }
h3 { margin: 14px 0 4px; font-size: 14px; }
p, .legend { color: var(--muted); margin: 2px 0 8px; }
table { border-collapse: collapse; font: 13px/1.5 ui-monospace, monospace; }
td { padding: 0 10px; white-space: pre; vertical-align: top; } td.right { text-align: right; color: var(--muted); }
tr:nth-child(even) { background: var(--alternate); } :target, :target > td { background: var(--row-linked); }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
td.right a { color: inherit; }
.bar { display: flex; height: 16px; max-width: 720px; border: 1px solid var(--border); }
.legend i { display: inline-block; width: 10px; height: 10px; margin: 0 4px 0 12px; border: 1px solid var(--border); }
""".strip()
_THEMES = ("light", "dark")
_DARK = "@media (prefers-color-scheme: dark)"


def _style() -> str:
    """The window's own colours, as the reader's light or dark."""
    light, dark = (" ".join(f"--{token}: {value};" for token, value in theme.values(name).items()) for name in _THEMES)
    return f":root {{ color-scheme: light dark; {light} }}\n{_DARK} {{ :root {{ {dark} }} }}\n{_STYLE}"


def as_html(tree: PrototypeTree, prototype: Prototype, source: Source | None = None) -> str:
    """A page; colours follow the reader's light or dark. `source` is left out when it is not what was compiled."""
    return "\n".join(_Page(tree.lua, prototype, source).lines(tree)) + "\n"


class _Page:
    def __init__(self, lua: LuaVersion, root: Prototype, source: Source | None) -> None:
        self._lua = lua
        self._root = root
        self._source = source

    def lines(self, tree: PrototypeTree) -> Iterator[str]:
        title = f"{tree.key}: {name_of(self._root)}"
        yield '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        yield '<meta name="viewport" content="width=device-width">'
        yield f"<title>{escape(title)}</title><style>\n{_style()}\n</style></head><body>"
        yield f"<h1>{escape(title)}</h1><p>{escape(totals(tree))}</p>"
        if tree.notice:
            yield f"<p>{escape(tree.notice)}</p>"
        for path, prototype in walk(self._root):
            yield from self._function(path, prototype)
        yield from self._source_lines()
        yield f"<p>Written by Moonscope from the bytecode of {escape(release(tree))}.</p></body></html>"

    def _function(self, path: PrototypePath, prototype: Prototype) -> Iterator[str]:
        name = _anchor(path)
        lines = lines_of(prototype)
        facts = [f"lines {lines}"] if lines else []
        facts += [formats.plural(prototype.parameters, "parameter") + (", …" if prototype.vararg else "")]
        facts += [formats.plural(prototype.stack_size, "register"), f"{prototype.size:,} bytes"]
        up = f' <a href="#{_anchor(path[:-1])}">↑</a>' if path else ""
        yield f'<h2 id="{name}">{escape(name_of(prototype))}{up}</h2><p>{escape(" · ".join(facts))}</p>'
        yield from self._bytes(prototype)
        yield "<table>"
        registers = Registers(prototype.locals)
        for instruction in prototype.code:
            yield self._instruction(path, prototype, instruction, registers)
        yield "</table>"
        yield from _table("Constants", zip(prototype.constant_types, prototype.constants, strict=False))
        upvalues = prototype.upvalues
        yield from _table("Upvalues", ((each.name or "-", _captured(each.in_stack, each.index)) for each in upvalues))
        yield from _table("Locals", ((each.name, f"{each.start_pc} – {each.end_pc}") for each in prototype.locals))

    def _bytes(self, prototype: Prototype) -> Iterator[str]:
        parts = [part for part in parts_of(prototype, self._lua) if part.size]
        bars = "".join(f'<div style="flex: {part.size}; background: var(--{part.token})"></div>' for part in parts)
        yield f'<div class="bar">{bars}</div>'
        words = (f'<i style="background: var(--{part.token})"></i>{part.title} {part.size:,}' for part in parts)
        yield f'<div class="legend">{"".join(words)}</div>'

    def _instruction(self, path: PrototypePath, prototype: Prototype, each: Instruction, registers: Registers) -> str:
        here = _anchor(path)
        line = str(each.line or "")
        if self._source is not None and 0 < each.line <= len(self._source.lines):
            line = f'<a href="#line-{each.line}">{each.line}</a>'
        meaning = meaning_spans(each, prototype, registers, self._lua)
        child = child_of(each, prototype, self._lua)
        target = _anchor((*path, child)) if child is not None else f"{here}-pc{each.target}" if each.target else ""
        if target and meaning:
            told = f'<a href="#{target}">{escape(meaning[0][0])}</a>{_coloured(meaning[1:])}'
        else:
            told = _coloured(meaning)
        return (
            f'<tr id="{here}-pc{each.pc}"><td class="right">{each.pc}</td><td class="right">{line}</td>'
            f"<td>{_coloured([(each.opcode, 'opcode')])}</td><td>{_coloured(operand_spans(each, self._lua))}</td>"
            f"<td>{told}</td></tr>"
        )

    def _source_lines(self) -> Iterator[str]:
        if self._source is None:
            return
        first, last = 0, len(self._source.lines)
        if self._root.line:
            first, last = self._root.line - 1, min(last, self._root.last_line)
        yield '<h2 id="source">Source</h2><table>'
        for row in range(first, last):
            text = _coloured(self._source.spans(row))
            yield f'<tr id="line-{row + 1}"><td class="right">{row + 1}</td><td>{text}</td></tr>'
        yield "</table>"


def _anchor(path: PrototypePath) -> str:
    return "f" + ".".join(map(str, path))


def _captured(in_stack: bool, index: int) -> str:
    return f"local in register {index}" if in_stack else f"upvalue {index} of the enclosing function"


def _coloured(spans: list[Span]) -> str:
    return "".join(f'<span style="color: var(--{tone})">{escape(text)}</span>' for text, tone in spans)


def _table(title: str, rows: Iterator[tuple[str, str]]) -> Iterator[str]:
    cells = [
        f'<tr><td class="right">{place}</td><td>{escape(one)}</td><td>{escape(other)}</td></tr>'
        for place, (one, other) in enumerate(rows)
    ]
    if cells:
        yield f"<h3>{title}</h3><table>{''.join(cells)}</table>"
