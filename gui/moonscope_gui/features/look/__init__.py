"""What is in a VM."""
