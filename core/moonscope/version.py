"""The version of this installation."""

from importlib import metadata

try:
    __version__ = metadata.version("moonscope")
except metadata.PackageNotFoundError:  # run from source folders that are not installed
    __version__ = "0+source"
