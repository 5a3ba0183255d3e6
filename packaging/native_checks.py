"""Hostile builds of the C part, and what is run on them: `python packaging/native_checks.py CHECK [--seconds N]`.

    asan     address and undefined-behaviour sanitizers under the tests of the engine and the conformance cases
    tsan     thread sanitizer under 8 threads that spawn, load, run, interrupt, clear, evict and close for N seconds
    guard    shared memory is read-only, and of no use once freed, under the conformance cases and the same threads
    programs random programs of spawn, load, keep, drop, evict, clear, collect and close on that build, for N seconds
    malloc   every allocation of store, publish, freeze, clone and spawn fails once, and from then on
    instructions  what a cached load, a new string and a VM cost, under valgrind
    python   Python's own allocations and thread starts fail while an engine works; then it must answer and interrupt
    cycles   10,000 times spawn, load, close, with clears in between: memory stays flat
    keys     a million names over time: memory stays flat; 50,000 files in 1,000 VMs: commands cost what they change
    attacker scripts take apart what `debug` lets them reach, under the address sanitizer, for N seconds
    age      one VM reloads a file 10,000 times: generations and memory stay flat
    words    one VM loads 20 million different strings over time: memory stays flat, and the tier stays

--official adds Lua's own test files to asan and guard. --runtime builds moonscope-runtime with the sanitizer too, which
then watches all that Lua itself does with shared memory (a minute more, and pip must find lupa's source).

Builds go to a temporary folder, with the compiler flags of pyproject.toml; the checkout is not touched. Needs gcc with
its sanitizer libraries (Debian: libasan8 libubsan1 libtsan2), and what the tests need. Linux only.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NATIVE = ROOT / "core" / "moonscope" / "_native"
WORKLOADS = ROOT / "tests" / "native"
RUNTIME = ROOT / "packaging" / "runtime"
OFFICIAL = "tests/conformance/test_official.py"
ENGINE = ["tests/core", "--ignore=tests/core/bytecode", "--ignore=tests/core/analysis"]


def compile_all(sources: Sequence[Path], folder: Path, flags: Sequence[str]) -> list[str]:
    """Compile C files at once; SystemExit with the compiler's words when one fails."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    own = pyproject["tool"]["setuptools"]["ext-modules"][0]["extra-compile-args"]
    include = [f"-I{NATIVE}", f"-I{sysconfig.get_path('include')}"]
    command = [*compiler(), *own, "-O1", "-g", "-fno-omit-frame-pointer", "-fPIC", *include]

    def compile_one(source: Path) -> str:
        target = str(folder / f"{source.stem}.o")
        done = subprocess.run([*command, *flags, "-c", str(source), "-o", target], check=False)
        if done.returncode != 0:
            raise SystemExit(f"{source} did not compile")
        return target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, sources))


def compiler() -> list[str]:
    return shlex.split(os.environ.get("CC") or "gcc")


def build(folder: Path, *, flags: Sequence[str] = (), hostile: bool = False) -> dict[str, str]:
    """A copy of the engine in `folder` with a C part built by `flags`; returns the environment to run Python in."""
    package = folder / "core" / "moonscope"
    shutil.copytree(ROOT / "core" / "moonscope", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    objects = folder / "objects"
    objects.mkdir()
    sources = sorted(NATIVE.glob("*/*.c"))
    if hostile:
        made = compile_all(sources, objects, [*flags, "-include", str(WORKLOADS / "hostile.h")])
        made += compile_all([WORKLOADS / "hostile.c"], objects, flags)
    else:
        made = compile_all(sources, objects, flags)
    library = package / "_native" / f"_moonscope{sysconfig.get_config_var('EXT_SUFFIX')}"
    link = [*compiler(), *flags, "-shared", "-Wl,-Bsymbolic", *made, "-o", str(library), "-ldl", "-lpthread"]
    subprocess.run(link, check=True)
    paths = [str(package.parent), str(ROOT / "gui"), str(ROOT / "resources"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "QT_QPA_PLATFORM": "offscreen"}
    environment["MOONSCOPE_NATIVE_BUILD"] = str(library)
    return environment


def build_runtime(folder: Path, flags: str, environment: dict[str, str]) -> None:
    """Build moonscope-runtime with the same flags, and let `environment` import that one."""
    source, target = folder / "runtime-source", folder / "runtime"
    shutil.copytree(RUNTIME, source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(source)]
    flags = f"{flags} -O1 -g -fno-omit-frame-pointer"
    subprocess.run(command, env={**os.environ, "CFLAGS": flags, "LDFLAGS": flags}, check=True)
    environment["PYTHONPATH"] = f"{target}{os.pathsep}{environment['PYTHONPATH']}"


def run(environment: dict[str, str], *arguments: str, before: Sequence[str] = ()) -> None:
    """Run Python in the checkout; SystemExit when it fails."""
    command = [*before, sys.executable, "-X", "faulthandler", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(arguments[:4])} … ended with {done.returncode}")


def pytest(environment: dict[str, str], *arguments: str) -> None:
    run(environment, "-m", "pytest", "-q", "-p", "no:pytest-qt", "-p", "no:cacheprovider", *arguments)


def workload(environment: dict[str, str], name: str, *arguments: str, before: Sequence[str] = ()) -> None:
    run(environment, str(WORKLOADS / name), *arguments, before=before)


def preload(*names: str) -> str:
    """Paths of gcc's runtime libraries. SystemExit when one is not installed."""
    found = [subprocess.check_output([*compiler(), f"-print-file-name={name}"], text=True).strip() for name in names]
    for name, path in zip(names, found, strict=True):
        if not Path(path).is_absolute():
            raise SystemExit(f"{name} is not installed. To do: apt install libasan8 libubsan1 libtsan2   (Debian)")
    return " ".join(found)


def with_reports(folder: Path, checks: Callable[[str], None]) -> None:
    """Run checks that write sanitizer reports to the path they get; SystemExit with the reports when there are any.

    To files, because pytest keeps what a test writes, and because a report in a child process must not be lost.
    """
    failure: SystemExit | None = None
    try:
        checks(str(folder / "report"))
    except SystemExit as error:
        failure = error
    reports = sorted(folder.glob("report.*"))
    for report in reports:
        print(report.read_text(errors="replace"), file=sys.stderr)
    if reports:
        raise SystemExit(f"{len(reports)} sanitizer reports, above")
    if failure is not None:
        raise failure


def conformance(options: argparse.Namespace) -> list[str]:
    return ["tests/conformance", *([] if options.official else [f"--ignore={OFFICIAL}"])]


def asan(folder: Path, options: argparse.Namespace) -> None:
    environment = build(folder, flags=["-fsanitize=address,undefined"])
    if options.runtime:
        build_runtime(folder, "-fsanitize=address", environment)
    environment["LD_PRELOAD"] = preload("libasan.so", "libstdc++.so.6")

    def checks(report: str) -> None:
        environment["ASAN_OPTIONS"] = f"detect_leaks=0:log_path={report}"
        environment["UBSAN_OPTIONS"] = f"halt_on_error=1:print_stacktrace=1:log_path={report}"
        workload(environment, "stress.py", "--seconds", str(options.seconds))
        pytest(environment, *conformance(options))
        pytest(environment, *ENGINE)

    with_reports(folder, checks)


def tsan(folder: Path, options: argparse.Namespace) -> None:
    environment = build(folder, flags=["-fsanitize=thread"])
    if options.runtime:
        build_runtime(folder, "-fsanitize=thread", environment)
    environment["LD_PRELOAD"] = preload("libtsan.so")
    # An interrupt sets a hook from another thread: Lua's own way, and no synchronisation (lua/interrupt.inc.h).
    # glibc frees the thread-local variables of a thread that has ended when it uses its stack again, in a way that the
    # sanitizer does not see.
    suppressions = folder / "suppressions"
    suppressions.write_text("race:lua_sethook\nrace:dl_deallocate_tls\n")

    def checks(report: str) -> None:
        environment["TSAN_OPTIONS"] = f"log_path={report}:exitcode=0:suppressions={suppressions}"
        workload(environment, "stress.py", "--seconds", str(options.seconds), before=fixed_addresses())

    with_reports(folder, checks)


def fixed_addresses() -> list[str]:
    """A command that runs another without address randomisation, which gcc 12's thread sanitizer may not survive."""
    command = ["setarch", "--addr-no-randomize"]
    if shutil.which("setarch") is None:
        return []
    allowed = subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    return command if allowed else []


def guard(folder: Path, options: argparse.Namespace) -> None:
    environment = build(folder, hostile=True) | {"HOSTILE_GUARD": "1"}
    workload(environment, "stress.py", "--seconds", str(options.seconds), "--guarded")
    pytest(environment, *conformance(options))


def programs(folder: Path, options: argparse.Namespace) -> None:
    environment = build(folder, hostile=True) | {"HOSTILE_GUARD": "1"}
    workload(environment, "programs.py", "--seconds", str(options.seconds), "--guarded")


def malloc(folder: Path, options: argparse.Namespace) -> None:
    workload(build(folder, hostile=True), "failing_malloc.py", "--seconds", str(options.seconds))


def python(folder: Path, options: argparse.Namespace) -> None:
    workload(build(folder), "failing_python.py", "--seconds", str(options.seconds))


def cycles(folder: Path, options: argparse.Namespace) -> None:
    workload(build(folder), "cycles.py", "--seconds", str(options.seconds))


def keys(folder: Path, options: argparse.Namespace) -> None:
    workload(build(folder), "keys.py", "--seconds", str(options.seconds))


def instructions(folder: Path, options: argparse.Namespace) -> None:
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed. To do: apt install valgrind   (Debian)")
    environment = build(folder, flags=["-O2"])  # as it is released
    workload(environment, "hits.py")
    workload(environment, "instructions.py")


def attacker(folder: Path, options: argparse.Namespace) -> None:
    environment = build(folder, flags=["-fsanitize=address"])
    environment["LD_PRELOAD"] = preload("libasan.so", "libstdc++.so.6")
    environment["ASAN_OPTIONS"] = "detect_leaks=0:allocator_may_return_null=1"
    workload(environment, "attacker.py", "--seconds", str(options.seconds))


def age(folder: Path, options: argparse.Namespace) -> None:
    workload(build(folder), "age.py", "--reloads", "10000")


def words(folder: Path, options: argparse.Namespace) -> None:
    workload(build(folder), "words.py", "--words", "20000000")


ALL = (asan, tsan, guard, programs, malloc, python, cycles, keys, instructions, attacker, age, words)
CHECKS = {check.__name__: check for check in ALL}
SECONDS = {
    "asan": 20, "tsan": 60, "guard": 20, "programs": 120, "malloc": 600, "python": 60, "cycles": 600, "keys": 600,
    "attacker": 120,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("check", choices=CHECKS)
    parser.add_argument("--seconds", type=float, help="for the threads; malloc, cycles, keys: at most, done or not")
    parser.add_argument("--official", action="store_true", help="asan, guard: Lua's own test files too")
    parser.add_argument("--runtime", action="store_true", help="asan, tsan: build moonscope-runtime with it too")
    options = parser.parse_args()
    options.seconds = options.seconds or SECONDS.get(options.check, 0)
    with tempfile.TemporaryDirectory(prefix="moonscope-") as folder:
        CHECKS[options.check](Path(folder), options)
    print(f"{options.check}: passed")


if __name__ == "__main__":
    main()
