"""Compression of |g|: the autoencoder and the classical methods at equal number budgets."""
