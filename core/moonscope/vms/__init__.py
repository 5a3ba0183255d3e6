"""VMs and what runs them: `LuaVM`, the pool with its mailboxes and worker threads, time limits, looking into a VM.

Knows caches. Knows nothing of who asks for work, nor of what is recorded about it.
"""
