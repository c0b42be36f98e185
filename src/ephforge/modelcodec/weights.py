"""Weights that priors start from, octaves / 16; benchmarks/model_prior.py fits them anew."""

import numpy as np

from ephforge.modelcodec.prior import Prior

# constant, root of the orbit's size, d1 + d2, d, log (d1 d2), log d, then what only `fitted` has
DECAY = Prior(np.array([16, 0, -16, -16, -32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
SYNTHETIC = DECAY
PAIR = Prior(np.array([16, 8, -32, -32, 0]))
