"""Speed of the coupling kernel: what it does per second beside what the machine could do."""
