from __future__ import annotations

from ..errors import UnsupportedError
from ..model import Context
from .command import Command, Services


class Shutdown(Command[None], frozen=True):
    """End the host. Only a host that was started for a window obeys, before its engine is asked."""

    def perform(self, engine: Services, context: Context) -> None:
        raise UnsupportedError("only a host that was started for a window can be shut down from there")
