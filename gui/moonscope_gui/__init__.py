"""The window of Moonscope. It imports the values of the core, its client, and nothing else of it."""
