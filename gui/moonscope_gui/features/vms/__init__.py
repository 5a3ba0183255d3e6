"""VMs: spawned, interrupted, torn down."""
