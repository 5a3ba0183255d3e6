"""Print what the engine and its tests need: the project's requirements without the window's packages."""

import re
import tomllib
from pathlib import Path

WINDOW = {"pyside6-essentials", "pyqtgraph", "qtawesome", "pytest-qt"}

project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
for requirement in project["dependencies"] + project["optional-dependencies"]["test"]:
    if re.split(r"[<>=!~ \[;]", requirement)[0].lower() not in WINDOW:
        print(requirement)
