"""File names cross as text and come back as the same bytes, whatever they hold."""

import os

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from moonscope.model import names

ODD_NAMES = st.lists(
    st.one_of(st.binary(max_size=4), st.sampled_from([b"\\", b"\\x", b"\\x5c", b"\\xff", b"x41", b"\xff", b"\n", b"'"]))
).map(b"".join)


@given(ODD_NAMES)
def test_bytes_come_back(name: bytes) -> None:
    assert names.to_bytes(names.to_text(name)) == name


@given(ODD_NAMES, ODD_NAMES)
def test_different_names_have_different_texts(one: bytes, other: bytes) -> None:
    assert (names.to_text(one) == names.to_text(other)) == (one == other)


@given(ODD_NAMES)
def test_every_text_can_be_sent(name: bytes) -> None:
    text = names.to_text(name)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(text)) == text


@given(st.text().filter(lambda text: "\\" not in text))
def test_a_name_in_utf8_looks_as_it_is(text: str) -> None:
    assert names.to_text(text.encode()) == text


def test_escapes_are_visible() -> None:
    assert names.to_text(b"caf\xe9.lua") == "caf\\xe9.lua"
    assert names.to_text("中文 \n'\".lua".encode()) == "中文 \n'\".lua"
    assert names.to_text(b"C:\\x64\\lua") == "C:\\x5cx64\\lua"


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name and b"\\" not in name))
def test_paths_as_python_gives_them_are_understood(name: bytes) -> None:
    assert names.to_bytes(os.fsdecode(name)) == name


@given(st.binary())
def test_printing_never_fails(data: bytes) -> None:
    names.printable(data).encode()
