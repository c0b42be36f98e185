"""Randomness addressed by (campaign seed, material, purpose), never consumed in order.

Material 1234 is the same crystal whatever was drawn before it, in whatever shard.
"""

import zlib

import numpy as np


def generator(seed: int, material: int, purpose: str) -> np.random.Generator:
    """NumPy generator of one material and one purpose.

    Args:
      seed: campaign seed, not negative.
      material: material number, not negative.
      purpose: what is drawn, e.g. "structure"; other purposes give independent streams.
    """
    key = np.random.SeedSequence([seed, material, zlib.crc32(purpose.encode())])
    return np.random.Generator(np.random.Philox(key))
