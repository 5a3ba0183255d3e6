"""What files do with the globals of the VM that runs them."""
