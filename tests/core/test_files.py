"""Finding Lua files: folders searched, oddities named, nothing loaded that is no file."""

import os
from pathlib import Path

import pytest

from moonscope import files
from moonscope.names import to_text


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "x.lua").mkdir()  # a folder, whatever its name says
    for name in ("z.lua", "a.lua", "b/c.lua", "x.lua/inner.lua", "notes.txt"):
        (tmp_path / name).write_text("return 1")
    found, failures = files.find([str(tmp_path)])
    relative = [os.fsdecode(name)[len(str(tmp_path)) + 1 :] for name in found]
    assert relative == ["a.lua", "z.lua", "b/c.lua", "x.lua/inner.lua"]
    assert failures == []


def test_a_named_file_needs_no_suffix_and_is_found_once(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("return 1")
    assert files.find([str(script), str(script)]) == ([os.fsencode(script)], [])


def test_what_is_missing_or_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.lua")
    (tmp_path / "broken.lua").symlink_to(tmp_path / "nowhere")
    found, failures = files.find([str(tmp_path), str(tmp_path / "absent")])
    assert found == []
    assert [(Path(failure.path).name, failure.vm) for failure in failures] == [
        ("broken.lua", files.NO_VM),
        ("pipe.lua", files.NO_VM),
        ("absent", files.NO_VM),
    ]
    assert all(failure.message for failure in failures)


def test_names_of_any_bytes_are_found(tmp_path: Path) -> None:
    names = [b"\xff\xfe.lua", "中文 'quote\".lua".encode(), b"new\nline.lua"]
    try:
        for name in names:
            (tmp_path / os.fsdecode(name)).write_text("return 1")
    except OSError as error:  # macOS refuses names that are not UTF-8
        pytest.skip(str(error))
    found, failures = files.find([to_text(os.fsencode(tmp_path))])
    assert sorted(os.fsencode(Path(os.fsdecode(name)).name) for name in found) == sorted(names)
    assert failures == []


def test_a_name_with_a_null_byte_is_an_error_not_a_crash() -> None:
    found, failures = files.find(["a\0b.lua"])
    assert found == []
    assert len(failures) == 1
