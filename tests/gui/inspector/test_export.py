"""Copies that leave the window: text as luac prints it, JSON, and a web page that needs nothing else."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from moonscope.bytecode import listing
from moonscope.model import LuaVersion, Prototype, PrototypeTree
from moonscope_gui.features.inspector.export_html import as_html
from moonscope_gui.features.inspector.export_text import as_json, as_listing, totals
from moonscope_gui.features.inspector.exports import Exports, write
from moonscope_gui.features.inspector.source_text import Source

from .conftest import PATIENCE_MS, SOURCE, Compile


class Page(HTMLParser):
    """Anchors, links and text of a page; fails when tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"]] if "href" in values else []
        assert "src" not in values
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_listing_is_that_of_luac(tree: PrototypeTree) -> None:
    assert as_listing(tree, tree.root) == listing(tree).lstrip("\n")
    assert as_listing(tree, tree.root.children[0]).startswith("function <")


def test_json_has_nested_functions_and_the_names_of_the_model(tree: PrototypeTree) -> None:
    data = json.loads(as_json(tree.root))
    assert data["children"][1]["children"][0]["name"] == "twice"
    assert set(data) == set(Prototype.__struct_fields__)


def test_totals_of_a_tree(tree: PrototypeTree) -> None:
    assert re.fullmatch(r"Lua 5\.4 · 4 functions · \d+ instructions · [\d.]+ KiB", totals(tree))


class TestPage:
    @pytest.mark.parametrize("lua", list(LuaVersion))
    def test_every_link_leads_to_something_on_the_page(self, compiled: Compile, lua: LuaVersion) -> None:
        tree = compiled(lua=lua)
        page = Page(as_html(tree, tree.root, Source(SOURCE)))
        assert len(page.ids) == len(set(page.ids))
        assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
        assert len(page.links) > 20

    def test_it_has_everything_of_all_functions(self, tree: PrototypeTree) -> None:
        page = Page(as_html(tree, tree.root, Source(SOURCE)))
        for part in ("M.sum", "twice", "GETUPVAL", '"hello "', "limit", "local function twice(text)", "Constants"):
            assert part in page.text

    def test_it_needs_nothing_from_elsewhere(self, tree: PrototypeTree) -> None:
        text = as_html(tree, tree.root)
        assert "http" not in text
        assert "<script" not in text
        used = set(re.findall(r"var\(--([a-z-]+)\)", text))
        assert used <= set(re.findall(r"--([a-z-]+):", text))

    def test_what_looks_like_html_is_shown_as_it_is(self, compiled: Compile) -> None:
        tree = compiled("return '<b>&amp;</b>'")
        page = Page(as_html(tree, tree.root, Source("return '<b>&amp;</b>'")))
        assert "<b>&amp;</b>" in page.text

    def test_of_a_nested_function_only_its_own_source_is_there(self, tree: PrototypeTree) -> None:
        text = Page(as_html(tree, tree.root.children[1], Source(SOURCE))).text
        assert "twice" in text
        assert "local limit" not in text


class TestWriting:
    @pytest.mark.parametrize(("name", "begin"), [("f.txt", "main <"), ("f.json", "{"), ("f.HTML", "<!DOCTYPE html>")])
    def test_the_ending_decides(self, tree: PrototypeTree, tmp_path: Path, name: str, begin: str) -> None:
        assert write(tmp_path / name, tree, tree.root, None) == ""
        assert (tmp_path / name).read_text(encoding="utf-8").startswith(begin)

    def test_what_cannot_be_written_is_told(self, tree: PrototypeTree, tmp_path: Path) -> None:
        assert "No such file" in write(tmp_path / "missing" / "f.txt", tree, tree.root, None)

    def test_a_failure_is_shown_in_a_box(self, tree: PrototypeTree, tmp_path: Path, qtbot: QtBot) -> None:
        window = QWidget()
        qtbot.addWidget(window)
        exports = Exports(window, lambda: (tree, tree.root, None))
        exports.save(str(tmp_path / "missing" / "f.txt"))
        qtbot.waitUntil(lambda: bool(window.findChildren(QMessageBox)), timeout=PATIENCE_MS)
        (box,) = window.findChildren(QMessageBox)
        assert "was not written" in box.text()
        box.close()

    def test_it_is_written_off_the_gui_thread_and_then_there(
        self, tree: PrototypeTree, tmp_path: Path, qtbot: QtBot
    ) -> None:
        window = QWidget()
        qtbot.addWidget(window)
        exports = Exports(window, lambda: (tree, tree.root, None))
        exports.save(str(tmp_path / "f.html"))
        qtbot.waitUntil(lambda: not exports.is_busy, timeout=PATIENCE_MS)
        assert (tmp_path / "f.html").exists()

    def test_copies_to_the_clipboard(self, tree: PrototypeTree, qtbot: QtBot) -> None:
        window = QWidget()
        qtbot.addWidget(window)
        exports = Exports(window, lambda: (tree, tree.root.children[0], None))
        exports.copy_listing()
        assert QGuiApplication.clipboard().text() == as_listing(tree, tree.root.children[0])
        exports.copy_json()
        assert json.loads(QGuiApplication.clipboard().text())["name"] == "M.sum"

    def test_nothing_shown_is_nothing_copied(self, qtbot: QtBot) -> None:
        window = QWidget()
        qtbot.addWidget(window)
        QGuiApplication.clipboard().setText("before")
        exports = Exports(window, lambda: None)
        exports.copy_listing()
        exports.copy_json()
        exports.save("nowhere.txt")
        assert QGuiApplication.clipboard().text() == "before"
        assert not exports.is_busy
