"""Classical methods the autoencoder has to beat: pure NumPy, one method per file."""
