"""The cache of each Lua: `CodeCache`, the Lua libraries found here and their tiers, finding files, rows of the C part.

Knows nothing of threads, commands and connections, nor of what windows are told.
"""
