"""Maps |g| of one material in a small file of their own, and back, by the trained autoencoder."""
