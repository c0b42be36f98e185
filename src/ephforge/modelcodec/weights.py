"""Weights that priors start from, octaves / 64; benchmarks/model_prior.py fits them anew."""

import numpy as np

from ephforge.modelcodec.prior import Prior

# constant, root of the orbit's size, d1 + d2, d, log (d1 d2), log d, then what only `fitted` has
DECAY = Prior(np.array([64, 0, -64, -64, -128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
SYNTHETIC = DECAY
PAIR = Prior(np.array([64, 32, -128, -128, 0]))
