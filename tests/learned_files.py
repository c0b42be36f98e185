"""A codec with random last layers on disk, its dataset and calibration: quick to make."""

import jax
import numpy as np
from flax import nnx
from learning_files import blocks, write_dataset

from ephforge.core.netcdf import write
from ephforge.model.autoencoder import Autoencoder, Shape
from ephforge.model.codec import Codec
from ephforge.model.storage import codec_variables
from ephforge.model.transform import statistics_of
from ephforge.train.codes import coded
from ephforge.train.prior import fit_prior

COARSE = (1, 1, 1)
STARS = 8  # sizes of stars that shares are kept for


def untrained_codec(training) -> Codec:
    """Statistics of the materials; convolutions and prior with weights of no training."""
    statistics = statistics_of(training)
    rng = np.random.default_rng(0)
    codes = coded(training[0], statistics, np.array([0.3]), rng)
    priors = [
        fit_prior([getattr(c, n) for c in codes], 0, 0)[0] for n in ("examples", "remainders")
    ]
    network, random = Autoencoder(Shape(features=8, layers=1), nnx.Rngs(0)), rng.normal
    moved = jax.tree.map(
        lambda w: w + random(scale=0.02, size=w.shape).astype(np.float32),
        nnx.state(network, nnx.Param),
    )
    nnx.update(network, moved)
    return Codec(network, statistics, *priors, np.full((2, STARS), 0.8))


def write_codec(path, codec) -> None:
    weights, attributes, groups = codec_variables(codec)
    write(path, "train", weights, attributes | {"coarse_q_mesh": list(COARSE)}, groups)


def write_learned(folder, prototypes=("fcc", "diamond"), count=12):
    """autoencoder.nc and dataset.nc in a folder; the materials by split."""
    materials = blocks(prototypes, count)
    write_dataset(folder, materials)
    training = [block for block, split in materials if split == "train"]
    write_codec(folder / "autoencoder.nc", untrained_codec(training))
    return materials
