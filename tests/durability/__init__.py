"""What was acknowledged is there once, whatever is killed meanwhile."""
