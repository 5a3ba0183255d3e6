"""Finding Lua files: folders searched, oddities named, nothing loaded that is no file."""

import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moonscope.commands.find_files import NO_VM, find_files
from moonscope.errors import CancelledError
from moonscope.model import NO_CONTEXT, Context
from moonscope.model.names import to_text


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "x.lua").mkdir()  # a folder, whatever its name says
    for name in ("z.lua", "a.lua", "b/c.lua", "x.lua/inner.lua", "notes.txt"):
        (tmp_path / name).write_text("return 1")
    found, failures = find_files([str(tmp_path)], NO_CONTEXT)
    relative = [os.fsdecode(name)[len(str(tmp_path)) + 1 :] for name in found]
    assert relative == ["a.lua", "z.lua", "b/c.lua", "x.lua/inner.lua"]
    assert failures == []


def test_a_named_file_needs_no_suffix_and_is_found_once(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("return 1")
    assert find_files([str(script), str(script)], NO_CONTEXT) == ([os.fsencode(script)], [])


def test_what_is_missing_or_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.lua")
    (tmp_path / "broken.lua").symlink_to(tmp_path / "nowhere")
    found, failures = find_files([str(tmp_path), str(tmp_path / "absent")], NO_CONTEXT)
    assert found == []
    assert [(Path(failure.path).name, failure.vm) for failure in failures] == [
        ("broken.lua", NO_VM),
        ("pipe.lua", NO_VM),
        ("absent", NO_VM),
    ]
    assert all(failure.message for failure in failures)


def test_names_of_any_bytes_are_found(tmp_path: Path) -> None:
    names = [b"\xff\xfe.lua", "中文 'quote\".lua".encode(), b"new\nline.lua"]
    try:
        for name in names:
            (tmp_path / os.fsdecode(name)).write_text("return 1")
    except OSError as error:  # macOS refuses names that are not UTF-8
        pytest.skip(str(error))
    found, failures = find_files([to_text(os.fsencode(tmp_path))], NO_CONTEXT)
    assert sorted(os.fsencode(Path(os.fsdecode(name)).name) for name in found) == sorted(names)
    assert failures == []


def test_a_name_with_a_null_byte_is_an_error_not_a_crash() -> None:
    found, failures = find_files(["a\0b.lua"], NO_CONTEXT)
    assert found == []
    assert len(failures) == 1


def relative(found: list[bytes], root: Path) -> list[str]:
    return [os.fsdecode(name)[len(str(root)) + 1 :] for name in found]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for folder in (root / "real", elsewhere / "deep"):
        folder.mkdir(parents=True)
    (root / "real" / "a.lua").write_text("return 1")
    (elsewhere / "deep" / "b.lua").write_text("return 1")
    (root / "again").symlink_to(elsewhere)
    (root / "another").symlink_to(elsewhere)  # found already
    (root / "alias").symlink_to(root / "real")  # has a name of its own below the path
    found, failures = find_files([str(root)], NO_CONTEXT)
    assert relative(found, root) == ["real/a.lua", "again/deep/b.lua"]
    assert failures == []


def test_loops_of_links_end(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.lua").write_text("return 1")
    (tmp_path / "inner" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    found, failures = find_files([str(tmp_path)], NO_CONTEXT)
    assert relative(found, tmp_path) == ["inner/a.lua"]
    assert [Path(failure.path).name for failure in failures] == ["self"]


@pytest.fixture
def abyss(tmp_path: Path) -> Iterator[Path]:
    """Folders within each other, more than a path can name, each with a file; made, and removed, from within."""
    here = Path.cwd()
    for depth in range(3_000):
        os.chdir(tmp_path if depth == 0 else "d")
        Path("f.lua").write_text("return 1")
        Path("d").mkdir()
    yield tmp_path
    for _ in range(2_999):
        Path("d").rmdir()
        Path("f.lua").unlink()
        os.chdir("..")
    Path("d").rmdir()
    os.chdir(here)


@pytest.mark.slow
def test_folders_may_be_deeper_than_python_calls_itself(abyss: Path) -> None:
    found, failures = find_files([str(abyss)], NO_CONTEXT)
    assert len(found) > sys.getrecursionlimit()
    assert all(Path(os.fsdecode(name)).is_file() for name in found[-2:])
    assert {failure.message for failure in failures} == {"File name too long"}
    assert failures[-1].path.endswith("/d/d")  # what is below it has no name that could be told
    assert len(failures) < 5


def test_deep_folders_need_no_open_files(tmp_path: Path) -> None:
    (tmp_path / Path(*"d" * 300)).mkdir(parents=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        assert find_files([str(tmp_path)], NO_CONTEXT) == ([], [])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_search_can_be_cancelled(tmp_path: Path) -> None:
    with pytest.raises(CancelledError):
        find_files([str(tmp_path)], Context(cancelled=lambda: True))
