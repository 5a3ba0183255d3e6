"""Showing code: listings, what is found in them, and where its bytes are. Shared by features; knows none of them."""
