"""What prototypes say about themselves, from the values of `moonscope.model` alone: no bytes, no VM.

    verdict = judge(tree)            may this file be shared without surprises, and if not, why?
    state = file_state(tree)         the globals that each of its prototypes reads and writes
    comparison = compare(a, b)       two trees side by side
"""

from __future__ import annotations

from .compare import compare
from .globals import file_state
from .verdict import judge, verdict_of

__all__ = ["compare", "file_state", "judge", "verdict_of"]
