"""Stage firstprinciples: the model of one real material becomes a coupling block.

The same kernel and the same options as for synthetic materials (section `coupling`); |g| on
the full grid is kept beside its orbit values, because a first-principles run obeys the
crystal's symmetry only to its own accuracy.
"""

import logging
import time

from ephforge.core.blocks import Block, block_variables
from ephforge.core.devices import settle
from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, read, write
from ephforge.core.realspace import Model, WannierCoupling, read_model
from ephforge.core.units import MEV
from ephforge.coupling.maps import Mapped, blocks
from ephforge.firstprinciples.prototypes import prototype

log = logging.getLogger(__name__)

LABELS = {"potential": "dft", "basis": "wannier", "family": "first-principles"}


def run(model: str, maps: str, options: dict, provenance: dict) -> None:
    """Read a file of kind "model", write one of kind "firstprinciples".

    Args:
      model, maps: paths of the input and the output.
      options: the section `coupling` of the configuration.
      provenance: stage, options and code of the caller, kept as attributes.

    Raises:
      EphforgeError: the model file is absent, damaged, incomplete, or unstable on the q mesh; or a
        GPU was asked for in vain.
    """
    settle()
    start = time.perf_counter()
    contents = read(model, "model")
    material = _model(model, contents)
    block, asymmetry, _ = mapped(model, material, options)
    variables, attributes = block_variables(block)
    attributes |= provenance | {
        "asymmetry": asymmetry,
        "run_input": contents.attributes.get("run_input", {}),
        "source": contents.attributes.get("source", {}),
        "wall_seconds": time.perf_counter() - start,
    }
    write(maps, "firstprinciples", variables, attributes)
    log.info("%s: %s, asymmetry %.1e", block.name, block.labels["prototype"], asymmetry)


def mapped(source: str, material: Model, options: dict) -> Mapped:
    """Block of a real material with its full grid; arguments and errors as `run`."""
    labels = {"prototype": prototype(material.crystal)} | LABELS
    (found,) = blocks([material], [labels], options, keep_grid=True)
    _refuse_unstable(source, found.block, options["soft_mode"])
    return found


def _model(path: str, contents: Contents) -> Model:
    try:
        material = read_model(contents)
    except KeyError as error:
        raise EphforgeError(
            f"{path}: model file without {error}; make it again (docs/first_principles.md)"
        ) from None
    if not isinstance(material.coupling, WannierCoupling):
        raise EphforgeError(
            f"{path}: two-centre model, expected couplings in a Wannier basis; "
            "make it from the files of an EPW run (docs/first_principles.md)"
        )
    return material


def _refuse_unstable(path: str, block: Block, soft_mode: float) -> None:
    """Modes more imaginary than the soft-mode energy (meV) make |g| meaningless."""
    lowest = MEV * block.frequencies.min()
    if lowest < -soft_mode:
        raise EphforgeError(
            f"{path}: imaginary phonon modes, {lowest:.2f} meV on q mesh {block.q_mesh}, expected "
            f"none below -{soft_mode} meV; take it off firstprinciples.materials"
        )
