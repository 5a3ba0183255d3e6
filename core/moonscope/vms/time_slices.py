"""Runs that take long share the processors: as many of them go on at once as there are processors, in turn."""

from __future__ import annotations

import os
from collections import deque

from .vm import LuaVM

SLICE = 0.05  # seconds that a run goes on while others wait


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class TimeSlices:
    """Pauses and resumes the runs that are added, so that `at_once` of them go on at a time, SLICE seconds each.

    With hundreds of threads that all want to run, whatever else the process has to do would wait for its turn among
    them. A run inside a C function goes on until that returns; it keeps no other from its turn. The caller sees to it
    that only one thread calls at a time, and only while the job that was added goes on.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._going_on: dict[LuaVM, float] = {}  # each with when its turn began, the longest first
        self._waiting: deque[LuaVM] = deque()

    def add(self, vm: LuaVM, now: float) -> None:
        """`now`, as in `turn`: time.monotonic()."""
        if len(self._going_on) < self._at_once:
            self._going_on[vm] = now
        else:
            self._waiting.append(vm)
            vm.pause()

    def remove(self, vm: LuaVM) -> None:
        """What it did is over."""
        if self._going_on.pop(vm, None) is None and vm in self._waiting:
            self._waiting.remove(vm)

    def hurry(self, vm: LuaVM, now: float) -> None:
        """It is told to end: its turn comes at once, another's is over."""
        if vm in self._waiting:
            self._waiting.remove(vm)
            self._begin(vm, now)
            if len(self._going_on) > self._at_once:
                self._pause(next(iter(self._going_on)))

    def turn(self, now: float) -> None:
        """Let those go on whose turn it is. To be called every few milliseconds."""
        over = [vm for vm, since in self._going_on.items() if now - since >= SLICE]
        for vm in over[: len(self._waiting)]:
            self._pause(vm)
        while self._waiting and len(self._going_on) < self._at_once:
            self._begin(self._waiting.popleft(), now)

    def _begin(self, vm: LuaVM, now: float) -> None:
        self._going_on[vm] = now
        vm.resume()

    def _pause(self, vm: LuaVM) -> None:
        del self._going_on[vm]
        self._waiting.append(vm)
        vm.pause()
