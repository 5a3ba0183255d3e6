"""Two versions of code side by side."""
