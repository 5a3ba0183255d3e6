"""What `moonscope run` found: one value, as a table for people and as JSON for programs."""

from __future__ import annotations

from msgspec import Struct
from rich.table import Table

from .terminal import cell


class Failure(Struct, frozen=True):
    path: str
    message: str


class RunReport(Struct, frozen=True, kw_only=True):
    """Sizes are bytes, times are µs measured inside the VMs. None: there was nothing to measure."""

    lua: str
    release: str
    sharing: str  # the tier in force
    sharing_why: str  # why it is not a better one; "" when there is none, or when it was asked for
    tiers: dict[str, int]  # stored files by their tier: one that cannot be shared in that way has another
    conflicts: int  # in tier direct: files that a VM has by graft, because it had words of its own before; of all VMs
    conflict_vms: int  # VMs with such files
    mode: str
    libraries: str  # those of the VMs: all, restricted or pure
    files: int  # found, each counted once
    prototypes: int  # of the files that are in the cache
    vms: int
    hits: int
    misses: int
    bypasses: int
    races: int
    errors: int  # loads that failed: broken files times VMs
    evicted: int  # files that gave way to others because of the cache's limits
    shared_bytes: int  # held once for the process: compiled files, and the strings that they have in common
    private_bytes_per_vm: int | None  # measured: what loading the files added to a VM (median)
    unshared_bytes_per_vm: int | None  # what one VM holds when it loads the same files plainly
    first_vm_us_per_file: float | None
    next_vm_us_per_file: float | None  # median of the VMs measured after the first
    overhead_bytes: int  # what the C allocator takes beyond shared and private, and the cache's records
    rss_bytes: int  # of the process, with all files loaded
    cleared_bytes: int  # returned by clearing while all VMs lived
    retained_bytes: int  # kept by then for VMs that still held it
    freed_after_close_bytes: int  # returned by closing these VMs
    failures: tuple[Failure, ...] = ()
    interrupted: bool = False
    duration_s: float = 0.0


def table(report: RunReport) -> Table:
    """Every number of the report as it is, larger ones in handier units beside it."""
    rows = Table(box=None, pad_edge=False, show_header=False)
    rows.add_column(justify="left", style="bold")
    rows.add_column(justify="right")
    rows.add_column(justify="left", style="dim")

    def add(name: str, number: int | float | str | None, note: str = "") -> None:
        rows.add_row(cell(name), cell(_exact(number)), cell(note))

    add("Lua", report.lua, report.release)
    others = [f"{tier} for {count:,} of the files" for tier, count in report.tiers.items() if tier != report.sharing]
    if report.conflicts:
        whose = f"in {report.conflict_vms:,} of the VMs, which had words of their own before"
        others.append(f"{report.conflicts:,} by graft {whose}")
    how = f"cache mode {report.mode}", f"libraries {report.libraries}" if report.libraries != "all" else ""
    add("sharing", report.sharing, "; ".join(filter(None, (*how, *others, report.sharing_why))))
    add("files", report.files, f"{len(report.failures):,} could not be loaded" if report.failures else "")
    add("prototypes", report.prototypes, "in the cache")
    add("VMs", report.vms, "interrupted: this is what was done until then" if report.interrupted else "")
    rows.add_section()
    add("hits", report.hits)
    add("misses", report.misses)
    add("bypasses", report.bypasses)
    add("races", report.races)
    add("errors", report.errors)
    if report.evicted:
        add("evicted", report.evicted, "files that gave way to others: the cache is limited")
    rows.add_section()
    add("shared bytes", report.shared_bytes, f"{_size(report.shared_bytes)} once".strip())
    add("private bytes per VM", report.private_bytes_per_vm, _size(report.private_bytes_per_vm))
    add("unshared bytes per VM", report.unshared_bytes_per_vm, _size(report.unshared_bytes_per_vm))
    add("overhead bytes", report.overhead_bytes, _size(report.overhead_bytes))
    add("process RSS bytes", report.rss_bytes, _size(report.rss_bytes))
    rows.add_section()
    add("first VM, µs per file", report.first_vm_us_per_file)
    add("next VM, µs per file", report.next_vm_us_per_file, _speedup(report))
    rows.add_section()
    add("returned by clear, bytes", report.cleared_bytes, _size(report.cleared_bytes))
    add("retained by VMs, bytes", report.retained_bytes, _size(report.retained_bytes))
    add("returned by closing, bytes", report.freed_after_close_bytes, _size(report.freed_after_close_bytes))
    add("duration, s", report.duration_s)
    return rows


def _exact(number: int | float | str | None) -> str:
    if number is None:
        return "not measured"
    return number if isinstance(number, str) else f"{number:,}"


def _size(count: int | None) -> str:
    """The size in a unit that a person reads, when it is not small."""
    if count is None or abs(count) < 1024:
        return ""
    amount = count / 1024
    for unit in ("KiB", "MiB"):
        if abs(amount) < 1024:
            return f"{amount:,.1f} {unit}"
        amount /= 1024
    return f"{amount:,.1f} GiB"


def _speedup(report: RunReport) -> str:
    first, following = report.first_vm_us_per_file, report.next_vm_us_per_file
    return f"{first / following:.1f} times faster than the first" if first and following and first > following else ""
