"""One workload in every cache mode."""
