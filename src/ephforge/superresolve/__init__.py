"""Refinement in q: from a coarse mesh to the full one."""
