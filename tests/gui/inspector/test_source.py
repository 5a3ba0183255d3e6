"""The source beside the listing: read off the GUI thread, only the compiled version, coloured line by line."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from moonscope.commands import Load, Spawn
from moonscope.engine import Engine
from moonscope.model import VMOptions
from moonscope.model.names import to_text
from moonscope_gui.features.inspector import source_text
from moonscope_gui.features.inspector.source_file import SourceFile
from moonscope_gui.features.inspector.source_pane import SourcePane
from moonscope_gui.features.inspector.source_text import LONGEST_LINE, Source, read_source
from moonscope_gui.features.inspector.source_view import SourceModel

from .conftest import PATIENCE_MS, SOURCE

pieces = st.lists(
    st.sampled_from(["a", "é", "1.5", "end", '"', "'", "\\", "--", "[[", "]]", "[=[", "]=]", *" \t\n\r\0", "\r\n"]),
    max_size=40,
).map("".join)


def text(source: Source, row: int) -> str:
    return "".join(piece for piece, _ in source.spans(row))


def tones(source: Source, row: int) -> set[str]:
    return {tone for piece, tone in source.spans(row) if piece.strip()}


@given(text=pieces, portion=st.integers(1, 5))
def test_a_file_read_in_portions_is_the_file_read_at_once(text: str, portion: int) -> None:
    whole = Source(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_text, "_PORTION", portion)
        pieced = Source(text)
    assert pieced.lines == whole.lines
    assert [pieced.spans(row) for row in range(len(whole.lines))] == [
        whole.spans(row) for row in range(len(whole.lines))
    ]


class TestColours:
    def test_words_strings_numbers_and_comments_are_told_apart(self) -> None:
        (row,) = (source := Source('local x = "moon" .. 12 -- why')).lines
        assert row == 'local x = "moon" .. 12 -- why'
        found = {piece.strip(): tone for piece, tone in source.spans(0)}
        assert found["local"] == "keyword"
        assert found['"moon"'] == "string"
        assert found["12"] == "number"
        assert found["-- why"] == "comment"

    def test_a_long_comment_colours_all_of_its_lines_and_no_more(self) -> None:
        source = Source("local a --[[ one\ntwo = 2\nthree ]] local b\nlocal c")
        assert [tones(source, row) for row in range(4)] == [
            {"keyword", "text", "comment"}, {"comment"}, {"comment", "keyword", "text"}, {"keyword", "text"},
        ]  # fmt: skip

    def test_a_long_string_with_a_level_ends_only_at_its_own_bracket(self) -> None:
        source = Source("x = [==[ one ]]\ntwo ]=]\nthree ]==] y = 1")
        assert [tones(source, row) for row in (1, 2)] == [{"string"}, {"string", "text", "number"}]

    def test_brackets_in_short_strings_and_comments_open_nothing(self) -> None:
        source = Source("a = '--[['\n-- [[\nb = 1")
        assert tones(source, 2) == {"text", "number"}

    def test_a_string_goes_on_after_a_backslash_at_the_end_of_a_line(self) -> None:
        assert tones(Source('a = "one\\\nlocal two" .. b'), 1) == {"string", "text"}

    def test_tabs_become_spaces_and_what_does_not_print_a_dot(self) -> None:
        assert text(Source("\ta\tb\0"), 0) == "    a   b·"

    def test_a_very_long_line_is_cut_and_says_by_how_much(self) -> None:
        source = Source("x" * 5_000_000)
        assert text(source, 0).endswith("… 4,998,000 more characters")
        assert source.width == LONGEST_LINE

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_all_line_ends_count_alike_and_the_last_makes_no_line(self, end: str) -> None:
        assert Source(f"a{end}{end}b{end}").lines == ["a", "", "b"]

    @given(written=pieces)
    def test_no_text_breaks_it_and_every_character_is_shown(self, written: str) -> None:
        source = Source(written)
        for row, line in enumerate(source.lines):
            shown = text(source, row).replace("·", "").replace(" ", "")
            assert shown == "".join(c for c in line if c.isprintable() and c != " ")

    def test_large_files_are_split_into_the_same_lines(self) -> None:
        written = "".join(f"local line{number} = {number}\n" for number in range(40_000)) + "return 1"
        assert Source(written).lines == written.split("\n")


class TestReading:
    def test_the_compiled_version_is_read(self, path: Path) -> None:
        reading = read_source(SourceFile(str(path), hashlib.sha256(path.read_bytes()).hexdigest()))
        assert reading.source is not None
        assert "\n".join(reading.source.lines) + "\n" == SOURCE
        assert not reading.changed

    def test_another_version_is_told_by_its_digest_or_by_its_time(self, path: Path) -> None:
        assert read_source(SourceFile(str(path), "00" * 32)).changed
        assert read_source(SourceFile(str(path), mtime=path.stat().st_mtime - 1)).changed
        assert not read_source(SourceFile(str(path), mtime=path.stat().st_mtime)).changed
        assert not read_source(SourceFile(str(path))).changed, "nothing is known of what was compiled"

    def test_the_engine_knows_the_same_digest(self, path: Path) -> None:
        engine = Engine(interval=0.05)
        try:
            engine.perform(Spawn(count=1, options=VMOptions()))
            engine.perform(Load(paths=(str(path),)))
            revision = 0
            rows: dict[Any, Any] = {}
            while not any(row.digest for row in rows.values()):
                assert engine.wait(revision, PATIENCE_MS / 1000)
                update = engine.changes(revision)
                revision = update.revision
                rows.update({row.id: row for row in update.generations})
        finally:
            engine.close()
        (row,) = rows.values()
        assert not read_source(SourceFile(row.path, row.digest)).changed
        path.write_text("return 1")
        assert read_source(SourceFile(row.path, row.digest)).changed

    def test_what_cannot_be_shown_says_why(self, tmp_path: Path) -> None:
        (tmp_path / "chunk.lua").write_bytes(b"\x1bLua\x54")
        for name, reason in (
            ("missing.lua", "cannot be read here: No such file"),
            ("", "is not a file"),
            ("chunk.lua", "holds a precompiled chunk"),
            ("a\0b", "cannot be read here"),
        ):
            reading = read_source(SourceFile(str(tmp_path / name) if name else str(tmp_path)))
            assert reading.source is None
            assert reason in reading.trouble

    def test_a_name_as_the_engine_writes_it_is_found(self, tmp_path: Path) -> None:
        name = b"\\x41 \xe4\xb8\xad.lua"  # reads like an escape
        (tmp_path / os.fsdecode(name)).write_text("return 1")
        reading = read_source(SourceFile(str(tmp_path / to_text(name))))
        assert reading.source is not None
        assert reading.source.lines == ["return 1"]

    def test_text_that_is_not_utf8_keeps_all_its_bytes(self, path: Path) -> None:
        path.write_bytes(b"local name = 'caf\xe9'")
        reading = read_source(SourceFile(str(path)))
        assert reading.source is not None
        assert reading.source.lines == ["local name = 'café'"]


@pytest.fixture
def pane(qtbot: QtBot) -> SourcePane:
    pane = SourcePane()
    qtbot.addWidget(pane)
    pane.resize(500, 300)
    with qtbot.waitExposed(pane):
        pane.show()
    return pane


def wait(pane: SourcePane, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not pane.is_busy, timeout=PATIENCE_MS)


def words(pane: SourcePane) -> str:
    return " ".join(label.text() for label in pane.findChildren(QLabel) if label.isVisible())


class TestPane:
    def test_a_file_is_shown_once_it_was_read(self, pane: SourcePane, qtbot: QtBot, path: Path) -> None:
        pane.show_file(SourceFile(str(path)))
        assert "Reading" in words(pane)
        wait(pane, qtbot)
        assert pane.view.isVisible()
        assert pane.model.rowCount() == len(SOURCE.splitlines())
        assert pane.compiled_source is not None

    def test_only_the_last_file_asked_for_is_shown(self, pane: SourcePane, qtbot: QtBot, tmp_path: Path) -> None:
        for number in range(20):
            (tmp_path / f"{number}.lua").write_text(f"return {number}\n")
            pane.show_file(SourceFile(str(tmp_path / f"{number}.lua")))
        wait(pane, qtbot)
        assert pane.model.lines == ["return 19"]

    def test_a_changed_file_is_held_back_and_marked_when_shown(
        self, pane: SourcePane, qtbot: QtBot, path: Path
    ) -> None:
        pane.show_file(SourceFile(str(path), "00" * 32))
        wait(pane, qtbot)
        assert "was changed since it was compiled" in words(pane)
        assert not pane.view.isVisible()
        pane.anyway.click()
        assert pane.view.isVisible()
        assert "lines may not be those of the listing" in words(pane)
        assert pane.compiled_source is None, "it is not exported as what was compiled"

    def test_what_happens_on_disk_while_it_is_read_is_told(self, pane: SourcePane, qtbot: QtBot, path: Path) -> None:
        pane.show_file(SourceFile(str(path)))
        wait(pane, qtbot)
        pane.show_stale("changed")
        assert "Changed on disk meanwhile" in words(pane)
        assert pane.compiled_source is not None, "what is shown is what was compiled"
        pane.show_stale("deleted")
        assert "Deleted on disk meanwhile" in words(pane)
        pane.show_stale("")
        assert "meanwhile" not in words(pane)

    def test_a_file_that_is_gone_says_so(self, pane: SourcePane, qtbot: QtBot, tmp_path: Path) -> None:
        pane.show_file(SourceFile(str(tmp_path / "gone.lua")))
        wait(pane, qtbot)
        assert "gone.lua cannot be read here" in words(pane)

    def test_without_a_file_it_says_so(self, pane: SourcePane) -> None:
        pane.show_file(None)
        assert "did not come from a file" in words(pane)

    def test_a_line_asked_for_early_is_marked_when_the_source_is_there(
        self, pane: SourcePane, qtbot: QtBot, path: Path
    ) -> None:
        pane.show_file(SourceFile(str(path)))
        pane.mark_line(8, reveal=True)
        wait(pane, qtbot)
        assert pane.view.current_row() == 7

    def test_lines_are_copied_whole(self, pane: SourcePane, qtbot: QtBot, path: Path) -> None:
        pane.show_file(SourceFile(str(path)))
        wait(pane, qtbot)
        pane.view.go_to(0)
        pane.view.copy_rows()
        assert QGuiApplication.clipboard().text() == "local M = {}\n"

    def test_all_of_it_can_be_painted(self, pane: SourcePane, qtbot: QtBot, path: Path) -> None:
        pane.show_file(SourceFile(str(path)))
        wait(pane, qtbot)
        pane.view.set_linked([1, 2])
        pane.view.set_hinted([3])
        pane.view.show_function(range(3, 12), {4, 5}.__contains__)
        assert not pane.grab().isNull()


def test_the_model_is_a_proper_one(qapp: QApplication) -> None:
    model = SourceModel()
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.show(Source(SOURCE))
    assert model.rowCount() == len(SOURCE.splitlines())
    assert model.index(0, 0).data() == "local M = {}"
    model.show(None)
    assert model.rowCount() == 0
