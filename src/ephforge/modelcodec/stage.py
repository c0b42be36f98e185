"""Stage modelcodec: bits of one real material's g at equal error, the codec beside all else.

H and Phi are not counted for anyone; g of all methods has its error on the coarse meshes.
"""

import logging
import time
from pathlib import Path

import numpy as np

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import read
from ephforge.core.realspace import Mesh, Model, WannierCoupling, read_model
from ephforge.core.records import read_record, write_record
from ephforge.modelcodec import figures, templates
from ephforge.modelcodec.encode import Bounds, coded, model_header, with_mean
from ephforge.modelcodec.parts import Parts, parts
from ephforge.modelcodec.prior import Prior
from ephforge.modelcodec.rivals import rivals
from ephforge.modelcodec.weights import DECAY, SYNTHETIC
from ephforge.symmetry.coarse import Coarse, coarse

log = logging.getLogger(__name__)

_DECAY_FEATURES = 5  # constant, size of the orbit, d1 + d2, d, log d1 d2
_BANDS, _PHONONS = 0.01, 1e-4  # eV, bounds that the header carries


def run(model: str, record: str, figure: str, options: dict, provenance: dict) -> None:
    """Read a file of kind "model", write what its g takes.

    Args:
      model, record, figure: paths of the input and of the two outputs.
      options: the section `modelcodec` of the configuration.
      provenance: stage, options and code of the caller, kept in the record.

    Raises:
      EphforgeError: the file is absent, damaged or incomplete, or the model is not one that the
        codec takes.
    """
    start = time.perf_counter()
    material, meshes = _model(model)
    values = coarse(material, *meshes)
    found = bits(material, values, options["errors"], options["templates"])
    figures.draw(material.name, values.g_psrcab.size, found["rows"], figure)
    facts = {
        "name": material.name,
        "k_mesh": list(values.k_mesh),
        "q_mesh": list(values.q_mesh),
        "numbers": int(values.g_psrcab.size),
    }
    wall = {"wall_seconds": time.perf_counter() - start}
    write_record(record, facts | found | provenance | wall)
    log.info("%s: written to %s", material.name, Path(record).name)


def beside(records: str | list[str], figure: str, options: dict, provenance: dict) -> None:
    """Read records of `run`, draw bits against error of all materials side by side.

    Args:
      records, figure: paths of the inputs and of the output.
      options, provenance: of the rule; nothing of them is drawn.

    Raises:
      EphforgeError: a record is absent or damaged.
    """
    paths = [records] if isinstance(records, str) else list(records)
    figures.draw_all([read_record(path) for path in paths], figure)
    log.info("%d materials: drawn in %s", len(paths), Path(figure).name)


def bits(material: Model, values: Coarse, errors: list[float], with_templates: bool) -> dict:
    """Independent numbers, which templates there are, and for each error the bits of each method.

    Args:
      values: g and all else of the model on its coarse meshes.
      errors: relative, of complex g.
    """
    header = model_header(material, values, Bounds(min(errors), _BANDS, _PHONONS, None))
    known = parts(header)
    free_n = known.reductions.coefficients(values)[2]
    found = ([], [])
    if with_templates:
        found = templates.available(header, known.reductions, values.hopping_rab[0])
    norm = float(np.linalg.norm(values.g_psrcab))
    rows = []
    for error in errors:
        told = _ours(free_n, known, found, error * norm)
        told |= rivals(values.g_psrcab, free_n, error * norm)
        rows.append({"error": error, "bits": {key: round(x) for key, x in told.items()}})
        log.info("%s, error %g: %s", material.name, error, rows[-1]["bits"])
    return {"free": int(free_n.size), "templates": found[0], "rows": rows}


def _ours(free_n, known: Parts, found, largest: float) -> dict[str, int]:
    """Bytes as written, in bits: weights of a decay law, of synthetic materials, templates too."""
    few = known.g_nf[:, :_DECAY_FEATURES], Prior(DECAY.weight_f[:_DECAY_FEATURES])
    told = {
        "codec": 8 * len(coded(free_n, known.g_nf, SYNTHETIC, largest).data),
        "decay": 8 * len(coded(free_n, *few, largest).data),
    }
    if found[0]:
        mean, rest = with_mean(free_n, known, found, largest)
        told["templates"] = 8 * (len(mean) + len(rest.data))
    return told


def _model(path: str) -> tuple[Model, list[Mesh]]:
    """The model, and its coarse k and q mesh."""
    contents = read(path, "model")
    try:
        material = read_model(contents)
        meshes = [tuple(map(int, contents.variables[f"g_{which}_mesh"])) for which in "kq"]
    except KeyError as error:
        raise EphforgeError(
            f"{path}: model file without {error}, expected one of an EPW run with its coarse "
            "meshes; make it again (docs/first_principles.md)"
        ) from None
    if not isinstance(material.coupling, WannierCoupling):
        raise EphforgeError(
            f"{path}: two-centre model, expected couplings in a Wannier basis; give a model of "
            "an EPW run"
        )
    return material, meshes
