"""Refinement in q of a real-space model: a fine q mesh from a coarse one."""
