"""Tight-binding electrons: hopping laws, their derivatives, Bloch states."""
