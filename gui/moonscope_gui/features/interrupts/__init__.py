"""Ending what VMs run."""
