"""README.md says what is so: its commands are those that CI runs, its examples run, its links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from moonscope.cli import COMMANDS


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text()


def command(root: Path, name: str) -> str:
    done = subprocess.run([root / ".ci/readme-command", name], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize(("name", "ends"), [("window", "bin/moonscope demo"), ("test", "-m pytest -n 2")])
def test_one_line_does_all_on_a_fresh_checkout_and_ci_runs_it(root: Path, name: str, ends: str) -> None:
    line = command(root, name)
    assert "\n" not in line
    assert line.startswith("python3 -m venv .venv && .venv/bin/pip install ")
    assert line.endswith(ends)
    assert f"readme-command {name})" in (root / ".ci/run").read_text()


def test_ci_installs_the_debian_packages_that_the_readme_lists(root: Path) -> None:
    assert command(root, "debian").startswith("apt install python3-venv python3-dev gcc")
    assert 'readme-command" debian' in (root / ".ci/run").read_text()


def test_a_command_that_is_not_marked_is_an_error(root: Path) -> None:
    done = subprocess.run([root / ".ci/readme-command", "dance"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "dance" in done.stderr


def test_sub_commands_exist(readme: str) -> None:
    usage = re.findall(r"^moonscope ([a-z]+)(?: |$)", readme, re.MULTILINE)
    assert set(usage) == set(COMMANDS)


def test_python_examples_run(readme: str) -> None:
    examples = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        ending = "\nserver.close()\nengine.close()\n" if "serve(" in example else ""
        subprocess.run([sys.executable, "-W", "error", "-c", example + ending], timeout=120, check=True)


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_to_files_lead_somewhere(root: Path, document: str) -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", (root / document).read_text())
    assert [target for target in targets if not (root / target).exists()] == []


def test_the_version_stands_in_changelog_and_metainfo(root: Path, project: dict[str, Any]) -> None:
    version = project["version"]
    assert f"## [{version}]" in (root / "CHANGELOG.md").read_text()
    assert f'<release version="{version}"' in (root / "packaging/desktop/moonscope.metainfo.xml").read_text()


def test_the_menu_entry_starts_the_command(root: Path, project: dict[str, Any]) -> None:
    entry = (root / "packaging/desktop/moonscope.desktop").read_text()
    (program,) = re.findall(r"^Exec=(\S+)", entry, re.MULTILINE)
    assert program in project["scripts"]
