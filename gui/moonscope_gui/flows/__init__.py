"""What a person's action sets going: dialog, request, progress, answer. One subject per file."""
