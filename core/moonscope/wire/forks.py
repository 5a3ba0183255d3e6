"""What a process must let go of when it is a fork: sockets and locks are its parent's, and its threads are not there.

A fork that kept a copy of a socket would keep the connection open when its parent closes it, and the port when its
parent ends.
"""

from __future__ import annotations

import os
import weakref

_all: weakref.WeakSet[Forkable] = weakref.WeakSet()


class Forkable:
    """Something with descriptors of this process."""

    def forget(self) -> None:
        """Called in the child of a fork, before anything else runs there: close its copies of the descriptors, and
        nothing else. Must not take a lock, which a thread of the parent may have held."""
        raise NotImplementedError


def forget_in_child(thing: Forkable) -> None:
    """Call `thing.forget` in each fork of this process, as long as the thing is there."""
    _all.add(thing)


def _forget_all() -> None:
    for thing in list(_all):
        thing.forget()
    _all.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
