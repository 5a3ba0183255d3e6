"""The demonstration and the samples it plays on."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

import moonscope_resources
from moonscope.analysis.values import Verdict
from moonscope.analysis.verdict import judge
from moonscope.bytecode import read
from moonscope.cache.code_cache import CodeCache
from moonscope.model import LuaVersion
from moonscope_gui.app import demo

MODULES = sorted(
    path.relative_to(moonscope_resources.samples()).with_suffix("").as_posix().replace("/", ".")
    for path in moonscope_resources.samples().rglob("*.lua")
    if path.parent.name != "scripts" and path.stem != "broken"
)


class TestSamples:
    def test_there_are_enough_to_fill_a_list(self) -> None:
        assert 20 <= len(MODULES) <= 40

    @pytest.mark.parametrize("lua", list(LuaVersion))
    def test_each_loads_and_returns_a_table_in_every_lua(self, lua: LuaVersion) -> None:
        runtime = runtime_of(lua)
        for name in MODULES:
            assert runtime.execute(f'return type(require "{name}")') == "table", name

    @pytest.mark.parametrize("lua", list(LuaVersion))
    def test_an_evening_on_the_server_is_the_same_in_every_lua(self, lua: LuaVersion) -> None:
        script = moonscope_resources.samples() / "scripts" / "evening.lua"
        ticks, failures = runtime_of(lua).execute("print = function() end " + script.read_text(encoding="utf-8"))
        assert (ticks, failures) == (60, 0)

    @pytest.mark.parametrize("lua", [lua for lua in LuaVersion if lua.value[0].isdigit()])
    def test_some_of_them_show_what_the_check_of_globals_is_for(self, lua: LuaVersion) -> None:
        found: dict[Verdict, set[str]] = {}
        for name in MODULES:
            path = moonscope_resources.samples() / f"{name.replace('.', '/')}.lua"
            verdict = judge(read(CodeCache(lua.value).compile(str(path)), lua, name))
            found.setdefault(verdict.verdict, set()).add(name)
        assert found[Verdict.READS_STATE] == {"audit", "game.quest"}
        assert found[Verdict.WRITES_GLOBALS] == {"admin", "auction", "hotfix"}

    def test_the_broken_one_is_broken_in_every_lua(self) -> None:
        path = moonscope_resources.samples() / "broken.lua"
        for lua in LuaVersion:
            loaded, error = runtime_of(lua).globals().loadfile(str(path))
            assert loaded is None
            assert "'end' expected" in error


def runtime_of(lua: LuaVersion) -> Any:
    """A plain Lua, without Moonscope, that finds the samples."""
    module = importlib.import_module(f"lupa.{'lua' if lua.value[0].isdigit() else ''}{lua.value.replace('.', '')}")
    runtime = module.LuaRuntime()
    runtime.globals().package.path = f"{moonscope_resources.samples()}/?.lua"
    return runtime


class TestDemo:
    @pytest.mark.slow
    def test_saves_a_screenshot_of_what_happened(self, tmp_path: Path, qapp: QApplication) -> None:
        picture = tmp_path / "out.png"
        assert demo.main(["--screenshot", str(picture), "--size", "1000x700", "--theme", "light", "--seed", "3"]) == 0
        image = QImage(str(picture))
        assert (image.width(), image.height()) == (1000, 700)
        assert len({image.pixel(x, y) for x in range(0, 1000, 7) for y in range(0, 700, 7)}) > 20, "an empty picture"

    @pytest.mark.slow
    def test_says_why_it_cannot_go_on(
        self, tmp_path: Path, qapp: QApplication, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        few = tmp_path / "few"
        shutil.copytree(moonscope_resources.samples(), few)
        (few / "config.lua").unlink()
        monkeypatch.setattr(moonscope_resources, "samples", lambda: few)
        assert demo.main(["--screenshot", str(tmp_path / "out.png")]) == 1
        assert "config.lua" in capsys.readouterr().err
        assert not (tmp_path / "out.png").exists()

    @pytest.mark.parametrize(
        ("argv", "complaint"),
        [
            (["--size", "big"], "no size such as 1280x800"),
            (["--size", "10x10"], "no size such as 1280x800"),
            (["--screenshot", "out.txt"], ".png or .jpg"),
            (["--screenshot", "no/such/folder/out.png"], "there is no folder"),
            (["--theme", "sepia"], "invalid choice"),
            (["--seed", "x"], "invalid int"),
        ],
    )
    def test_refuses_what_it_does_not_understand(
        self, argv: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as ended:
            demo.main(argv)
        assert ended.value.code == 2
        assert complaint in capsys.readouterr().err
