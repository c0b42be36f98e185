"""Materials in numbers: descriptors of blocks and of models, with the labels they go by."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from ephforge.core.blocks import Block
from ephforge.core.realspace import Mesh, Model
from ephforge.coverage.descriptors import DESCRIPTORS, compared, describe
from ephforge.coverage.spectra import MODEL_DESCRIPTORS, Spectra, spectra

_LABELS = ("prototype", "family")


class Described(NamedTuple):
    """Labels (name, prototype, family) and descriptors of materials, and the table of these."""

    labels: list[dict[str, str]]
    numbers: list[dict[str, float]]
    table: dict

    @property
    def names(self) -> list[str]:
        """Names of the materials."""
        return [label["name"] for label in self.labels]

    def column(self, key: str) -> dict[str, float]:
        """One descriptor by material."""
        return {n: found[key] for n, found in zip(self.names, self.numbers, strict=True)}

    def compared(self) -> Float[np.ndarray, "i d"]:
        """All descriptors, logarithms where scales are compared."""
        return np.array([compared(found, self.table) for found in self.numbers])


def from_blocks(blocks: Iterable[Block]) -> Described:
    """Descriptors of blocks; a block with one that is no number is left out."""
    found = Described([], [], DESCRIPTORS)
    for block in blocks:
        numbers = describe(block)
        if np.all(np.isfinite(list(numbers.values()))):
            found.labels.append({"name": block.name} | {key: block.labels[key] for key in _LABELS})
            found.numbers.append(numbers)
    return found


def from_models(
    models: Iterable[Model],
    labels: list[dict[str, str]],
    meshes: tuple[Mesh, Mesh],
    largest: int,
    generator: np.random.Generator,
) -> tuple[Described, dict[str, Spectra]]:
    """Real-space descriptors of models that have a label, and their curves.

    Args:
      meshes, largest, generator: as in `spectra`.
    """
    by_name = {label["name"]: label for label in labels}
    curves = {}
    for model in models:
        if model.name in by_name:
            curves[model.name] = spectra(model, *meshes, largest, generator)
    known = Described(
        [by_name[name] for name in curves],
        [found.numbers for found in curves.values()],
        MODEL_DESCRIPTORS,
    )
    return known, curves
