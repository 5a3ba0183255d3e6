"""The `build_ext` of moonscope-runtime: all of it happens in a temporary folder, only the libraries leave it."""

from __future__ import annotations

import shutil
import sys
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError, LinkError

from .edit import EditError, edit_all
from .fetch import FetchError, fetch_lupa
from .lua import EDITS, LUAS, lua_licence, lua_sources

PACKAGE = "moonscope_runtime"

# As lupa's own wheels are built, so that a script sees the same Lua: nothing of POSIX but dynamic loading.
MACROS = [("CYTHON_CLINE_IN_TRACEBACK", "0"), ("LUA_USE_DLOPEN", None)]

# Where functions begin makes some percent of the speed, by chance. Of 5.4 it also made one process in sixty a quarter
# to a third slower, and none of 350 whose functions begin with a cache line; 5.5 has no such processes, and lost three
# percent by it (gcc 12, Zen 5).
ALIGNED = {"lua54": ["-falign-functions=64"], "lua55": []}


class BuildRuntime(build_ext):
    """Fetches lupa's source, edits its Luas, compiles each with lupa's wrapper into one module of our package."""

    def finalize_options(self) -> None:
        super().finalize_options()
        self.force = True  # objects never outlive a build
        if self.parallel is None:
            self.parallel = len(LUAS)

    def run(self) -> None:
        if sys.platform == "win32":
            raise SystemExit("Moonscope: the runtime builds on Linux and macOS only (see README.md, Limits).")
        with TemporaryDirectory(prefix="moonscope-runtime-") as folder:
            self.build_temp = str(Path(folder, "objects"))
            try:
                lupa = fetch_lupa(Path(folder))
                wrap(lupa, Path(folder, PACKAGE))
                for extension in self.extensions:
                    prepare(extension, lupa, Path(folder, PACKAGE))
            except (FetchError, EditError) as error:
                raise SystemExit(str(error)) from None
            super().run()
            if not self.inplace:
                copy_licences(lupa, Path(self.build_lib, PACKAGE, "licenses"))

    def build_extensions(self) -> None:
        if problem := missing(self.compiler.compiler_so[0]):
            raise SystemExit(problem)
        try:
            super().build_extensions()
        except (CompileError, LinkError) as error:
            raise SystemExit(
                f"Moonscope: the runtime did not compile: {error} (the compiler's words are above)"
            ) from None


def wrap(lupa: Path, package: Path) -> None:
    """Translate lupa's wrapper to C under the names of our package, once for each Lua."""
    from Cython.Build import cythonize  # not installed where only the edits are tested

    package.mkdir()
    (package / "__init__.py").touch()
    for name in ("luaapi.pxd", "lock.pxi"):
        shutil.copy(lupa / "lupa" / name, package)
    modules = []
    for lua in LUAS:
        source = shutil.copy(lupa / "lupa" / "_lupa.pyx", package / f"{lua}.pyx")
        modules.append(Extension(f"{PACKAGE}.{lua}", [str(source)]))
    cythonize(modules, quiet=True)


def prepare(extension: Extension, lupa: Path, package: Path) -> None:
    """Edit one Lua, and complete the extension that is made of it."""
    lua = extension.name.rpartition(".")[2]
    folder = lupa / "third-party" / lua
    edit_all(folder, EDITS[lua])
    own = [Path(source).resolve() for source in extension.sources]
    # A copy for each Lua: they are compiled at the same time, and one source would be one object file of both.
    for source in own:
        shutil.copy(source, folder)
    extension.sources = [str(path) for path in (package / f"{lua}.c", *lua_sources(folder))]
    extension.include_dirs = [str(folder), str(own[0].parent)]
    extension.define_macros = list(MACROS)
    # As lupa's wheels are built, or code runs 5 to 10 % slower than there; -g0 because Python's own flags ask for
    # debugging symbols, 2 MB of them.
    extension.extra_compile_args = ["-g0", "-O3", "-flto", "-fno-wrapv", *ALIGNED[lua]]
    if sys.platform == "linux":
        # The process may have other libraries that export lua_*, and may have loaded one globally: ours calls itself.
        extension.extra_link_args = ["-Wl,-Bsymbolic", "-O3", "-flto", *ALIGNED[lua], "-ldl", "-lm"]


def copy_licences(lupa: Path, folder: Path) -> None:
    """lupa's licence, and the notice of each Lua, into the package."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(lupa / "LICENSE.txt", folder / "lupa.txt")
    for lua in LUAS:
        (folder / f"{lua}.txt").write_text(lua_licence(lupa / "third-party" / lua))


def missing(compiler: str) -> str:
    """What is not installed and how to get it, in words; empty when all that a build needs is there."""
    if shutil.which(compiler) is None:
        return f"Moonscope: no C compiler found ('{compiler}'); the runtime needs one.\nTo do: {advice()}"
    include = sysconfig.get_path("include")
    if not Path(include, "Python.h").is_file():
        return f"Moonscope: Python's C header was not found in {include}.\nTo do: {advice()}"
    return ""


def advice() -> str:
    """What to run on this system to get a C compiler and Python's headers."""
    if sys.platform == "darwin":
        return "xcode-select --install"
    return "apt install gcc python3-dev    (Debian, Ubuntu; elsewhere the packages of the same purpose)"
