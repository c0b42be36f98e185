"""Weights that priors start from, octaves / 16; what a material changes of them it pays for.

DECAY is a guess: scales fall with d1 + d2 and d.  SYNTHETIC are the weights for which 36
three-centre materials (diamond, zincblende, rocksalt, CsCl, fcc, bcc, sc; 3x3x3 and 4x4x4 meshes)
quantised to 2 % and 6 % are told in the fewest bits: all materials share them, the constant
apart (benchmarks/model_prior.py).  No real material entered.
"""

import numpy as np

from ephforge.modelcodec.prior import Prior

DECAY = Prior(np.array([16, 0, -16, -16, -32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
SYNTHETIC = Prior(np.array([-4, -2, -17, 12, -27, -30, -2, -11, -12, 16, 4, 6, -3, 21, -11]))
PAIR = Prior(np.array([16, 8, -32, -32, 0]))
