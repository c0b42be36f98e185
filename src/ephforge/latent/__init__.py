"""Where real materials lie among the synthetic ones, in the space of the code."""
