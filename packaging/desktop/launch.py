"""The frozen program's main script: the command `moonscope`, and the host that its window starts."""

import sys

from moonscope.cli import main
from moonscope.host import main as host

AS_PYTHON = ["-P", "-m", "moonscope.host"]  # host_process starts sys.executable, which is this program here

if __name__ == "__main__":
    if sys.argv[1:4] == AS_PYTHON:
        sys.exit(host(sys.argv[4:]))
    sys.exit(main())
