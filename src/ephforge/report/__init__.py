"""Figures, one page and one record: what the campaign found, in neutral words."""
