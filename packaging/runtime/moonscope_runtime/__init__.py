"""Lua 5.4 and 5.5 for Python, as in lupa, able to share their strings between all VMs of the process.

`moonscope_runtime.lua54` and `moonscope_runtime.lua55` have the interface of `lupa.lua54` and `lupa.lua55`, and can be
used beside them. Neither is imported before it is asked for.
"""

__version__ = "0.1.0"
