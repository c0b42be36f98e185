"""Physics checks of real materials: dispersions, Eliashberg function, limits at small q."""
