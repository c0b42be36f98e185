"""Electron-phonon coupling: from a real-space model to |g(k, q)| on a mesh."""
