"""Errors of Lua as people read them beside the name of the file."""

from __future__ import annotations


def without_name(error: str, key: str) -> str:
    """`line 10: 'end' expected` for an error that begins with the name of the file, which Lua cuts at the left when it
    is long. Any other error as it is."""
    for end in range(len(error)):
        if error[end] == ":" and error[end + 1 : end + 2].isdigit():
            name = error[:end]
            if name == key or (name.startswith("...") and key.endswith(name[3:])):
                return f"line {error[end + 1 :]}"
    return error
