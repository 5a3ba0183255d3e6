"""`python -m moonscope`: the same as the command `moonscope`."""

import sys

from .cli import main

sys.exit(main())
