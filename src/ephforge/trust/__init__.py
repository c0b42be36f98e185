"""When to trust the autoencoder: distances to what it was trained on, and calibrated errors."""
