"""What tests make for themselves: each its own team, under a name that no other test has."""
