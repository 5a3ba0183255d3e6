from __future__ import annotations

from ..model import Chunk, Context, LuaVersion
from .command import Command, Services


class Inspect(Command[Chunk], frozen=True):
    """The compiled chunk of a stored generation."""

    in_turn = False
    holds_others = False

    generation: int

    def perform(self, engine: Services, context: Context) -> Chunk:
        cache = engine.caches.of_generation(self.generation)
        dump = cache.payload(self.generation)
        context.check("inspect")
        return Chunk(cache.lua, cache.generation(self.generation).key, dump, self.generation)


class InspectFile(Command[Chunk], frozen=True):
    """The compiled chunk of a file on disk, made by the engine, not stored."""

    in_turn = False
    holds_others = False

    path: str
    lua: LuaVersion = LuaVersion.LUA54

    def perform(self, engine: Services, context: Context) -> Chunk:
        context.check("inspect")
        context.progress(0, 0, "compiling")  # Lua's compiler does not say how far it is
        dump = engine.caches.get(self.lua).compile(self.path)
        context.check("inspect")
        return Chunk(self.lua, self.path, dump)
