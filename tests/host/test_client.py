"""What a program that only talks to a host loads."""

import subprocess
import sys

PROGRAM = """
import sys
import moonscope.client.engine_client, moonscope.client.host_process, moonscope.commands
print(*sorted(name for name in sys.modules if name.startswith(("lupa", "moonscope."))))
"""
ENGINE = ("_native", "analysis", "bytecode", "cache", "engine", "host", "telemetry", "vms")


def test_a_client_loads_nothing_of_the_engine() -> None:
    loaded = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout.split()
    assert "moonscope.commands.load" in loaded
    assert [name for name in loaded if name.split(".")[0] == "lupa" or name.split(".")[1] in ENGINE] == []
