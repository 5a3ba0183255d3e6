"""The whole cache as a treemap."""
