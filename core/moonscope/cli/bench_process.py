"""Measurements that need processes of their own: modules of this package that print one JSON object."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from ..errors import MoonscopeError


def output_of(module: str, arguments: Sequence[str], given: bytes, measured: str) -> bytes:
    """What `python -m MODULE ARGUMENTS` writes, `given` on its stdin. Raises MoonscopeError with its last words."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, input=given, capture_output=True)
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().splitlines()
        last = why[-1] if why else "it said nothing"
        raise MoonscopeError(f"the process that measures {measured} ended with {done.returncode}: {last}")
    return done.stdout
