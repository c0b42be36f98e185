"""The fan-in: all shards checked, split by family, in one file that the learning stages read."""
