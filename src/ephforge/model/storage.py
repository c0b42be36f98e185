"""A codec as it stands in a file."""

from dataclasses import fields
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from ephforge.core.devices import settle
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, Variable, read
from ephforge.model.autoencoder import Autoencoder, Shape
from ephforge.model.codec import Codec
from ephforge.model.prior import Prior
from ephforge.model.transform import Statistics

_PRIORS = ("prior", "remainder_prior")


def codec_variables(codec: Codec) -> tuple[dict[str, Variable], dict, dict]:
    """Weights, attributes and groups of statistics as they stand in a file."""
    leaves = jax.tree_util.tree_leaves_with_path(
        nnx.to_pure_dict(nnx.state(codec.network, nnx.Param))
    )
    weights = {
        _path_name(path): _anonymous(np.asarray(leaf), "network weights") for path, leaf in leaves
    }
    attributes = {"shape": codec.network.shape._asdict(), "shares": codec.share_tb.tolist()}
    groups = {}
    for field in fields(Statistics):
        value = getattr(codec.statistics, field.name)
        if isinstance(value, dict):
            tables = {name: _anonymous(table, "training split") for name, table in value.items()}
            groups[field.name] = (tables, {})
    for name in _PRIORS:
        groups[name] = (_prior_variables(getattr(codec, name)), {})
    return weights, attributes, groups


def codec_of(contents: Contents) -> Codec:
    """The codec that an autoencoder file holds."""
    shape = Shape(**contents.attributes["shape"])
    network = Autoencoder(shape, nnx.Rngs(0))
    state = nnx.state(network, nnx.Param)
    stored = contents.variables
    values = jax.tree_util.tree_map_with_path(
        lambda path, _: jnp.asarray(stored[_path_name(path)]), nnx.to_pure_dict(state)
    )
    nnx.replace_by_pure_dict(state, values)
    nnx.update(network, state)
    tables = {name: group.variables for name, group in contents.groups.items()}
    priors = {name: _prior_of(tables.pop(name)) for name in _PRIORS}
    shares = np.array(contents.attributes["shares"])
    return Codec(network, Statistics(**tables), share_tb=shares, **priors)


def load_codec(path: str | Path) -> Codec:
    """Read results/train/autoencoder.nc, to be used on the device that is asked for.

    Raises:
      EphforgeError: the file is absent, damaged or of an earlier version, or a GPU was asked for
        in vain.
    """
    settle()
    contents = read(path, "train")
    missing = [name for name in _PRIORS if name not in contents.groups]
    if missing:
        raise EphforgeError(
            f"{path}: no group {missing[0]}, expected an autoencoder of this version; "
            "train it again"
        )
    return codec_of(contents)


def _prior_variables(prior: Prior) -> dict[str, Variable]:
    arrays = {"mean": prior.mean_f, "spread": prior.spread_f}
    for number, (matrix, bias) in enumerate(prior.layers):
        arrays |= {f"matrix_{number}": matrix, f"bias_{number}": bias}
    return {name: _anonymous(array, "prior of integers") for name, array in arrays.items()}


def _prior_of(stored: dict[str, np.ndarray]) -> Prior:
    depth = sum(name.startswith("matrix_") for name in stored)
    layers = [(stored[f"matrix_{i}"], stored[f"bias_{i}"]) for i in range(depth)]
    return Prior(stored["mean"], stored["spread"], layers)


def _anonymous(array, meaning: str) -> Variable:
    return Variable(array, tuple(f"length_{n}" for n in array.shape), "1", meaning)


def _path_name(path) -> str:
    return ".".join(str(getattr(part, "key", part)) for part in path)
