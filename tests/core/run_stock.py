"""Runs Lua programs in stock runtimes, in a process of its own: `python run_stock.py VERSION < programs > outcomes`.

The programs are a JSON list; so are the outcomes, what each printed on either stream.
"""

from __future__ import annotations

import json
import os
import sys

from moonscope.cache import runtime
from moonscope.model import LuaVersion


def main() -> None:
    library = runtime.library(LuaVersion(sys.argv[1]), own=False)
    programs = json.load(sys.stdin)
    answer = []
    own_stdout = os.dup(1)
    sys.stderr = os.fdopen(os.dup(2), "w")
    end, pipe = os.pipe()
    os.set_blocking(end, False)
    os.dup2(pipe, 1)
    os.dup2(pipe, 2)
    for program in programs:
        library.new_runtime().execute(b"io.stdout:setvbuf('no')")
        library.new_runtime().execute(program.encode())
        library.new_runtime().execute(b"io.stdout:flush()")
        os.write(pipe, b"\n")  # never empty
        answer.append(os.read(end, 1 << 16)[:-1].decode(errors="backslashreplace"))
    os.write(own_stdout, json.dumps(answer).encode())


if __name__ == "__main__":
    main()
