"""Print what .ci/run found: a line for each step, then the sum. Exit 1 when anything failed.

Usage: summary.py FOLDER. FOLDER/steps has a line "NAME STATUS SECONDS" for each step, FOLDER/NAME.xml the JUnit report
of a step that ran pytest. A step without a report counts as one test; a step that failed counts at least one failure.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree

folder = Path(sys.argv[1])
sums = {"passed": 0, "failed": 0, "skipped": 0}
for line in (folder / "steps").read_text().splitlines():
    name, status, seconds = line.split()
    counts = {"passed": int(status == "0"), "failed": int(status != "0"), "skipped": 0}
    report = folder / f"{name}.xml"
    if report.is_file() and report.stat().st_size:
        suite = ElementTree.parse(report).getroot()[0].attrib
        failed = int(suite["failures"]) + int(suite["errors"])
        skipped = int(suite["skipped"])
        counts = {"passed": int(suite["tests"]) - failed - skipped, "failed": failed, "skipped": skipped}
        if status != "0" and not failed:
            counts["failed"] = 1
    found = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    outcome = "ok  " if status == "0" else "FAIL"
    print(f"{outcome} {name:24} {seconds:>5} s   {found}" + ("" if status == "0" else f" (exit {status})"))
    for word, count in counts.items():
        sums[word] += count

print(f"{sums['passed']} passed, {sums['failed']} failed, {sums['skipped']} skipped")
sys.exit(1 if sums["failed"] or not sums["passed"] else 0)
