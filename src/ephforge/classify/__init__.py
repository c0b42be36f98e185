"""Which structure a material has, read off its coupling by linear probes."""
