"""Synthetic materials with electrons in plane waves and screening by their own bands."""
