"""Stage report: the records of all stages in, figures, one page and one record out."""

import logging
import time
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from ephforge.core.machine import machine
from ephforge.core.netcdf import Contents, read, versions
from ephforge.core.records import read_record, write_record
from ephforge.report import captions, figures, maps, models
from ephforge.report import coverage as cover
from ephforge.report.materials import along_paths, path_caption
from ephforge.report.metrics import assemble
from ephforge.report.page import render

log = logging.getLogger(__name__)

HEADINGS = {
    "campaign": "The campaign",
    "dispersions": "Example materials",
    "learning": "Learning curve",
    "compress": "Compression",
    "examples": "Maps, true and rebuilt",
    "superresolve": "Refinement in q",
    "refined": "Maps, true and refined",
    "classify": "Telling structures apart",
    "latent": "Real among synthetic materials",
    "novelty": "How new are the real materials?",
    "coverage": "Do the synthetic materials cover the real ones?",
    "spectra": "Decay, sparsity and rank of g(Re,Rp)",
}


def run(
    card: str,
    history: str,
    compress: str,
    classify: str,
    superresolve: str,
    latent: str,
    coverage: str,
    coverage_arrays: str,
    dispersions: str,
    examples: str,
    refined: str,
    materials,
    index: str,
    metrics: str,
    options: dict,
    provenance: dict,
    optional: dict[str, str],
    **figure_files: str,
) -> None:
    """Write results/report: index.html, metrics.json and one PNG file per figure.

    Args:
      card, history, compress, classify, superresolve, latent, coverage: JSON records of the
        stages.
      coverage_arrays: NetCDF file of descriptors and curves.
      dispersions: NetCDF file of bands, phonons and |g| along paths.
      examples, refined: NetCDF files of maps, true and rebuilt, true and refined.
      materials: files of stage firstprinciples, one or many; their wall time and provenance.
      index, metrics: files to write.
      options: section `report` of the configuration.
      optional: path -> digest of the records of modelcodec and refinement that are there.
      figure_files: PNG files to write, NAME_figure for every name of `HEADINGS`.
    """
    start = time.perf_counter()
    records = {
        "card": card,
        "history": history,
        "compress": compress,
        "classify": classify,
        "superresolve": superresolve,
        "latent": latent,
        "coverage": coverage,
    }
    records = {name: read_record(path) for name, path in records.items()}
    arrays = {
        "coverage": read(coverage_arrays, "coverage"),
        "dispersions": read(dispersions, "dispersions"),
        "examples": read(examples, "examples"),
        "refined": read(refined, "examples"),
    }
    shown = []
    for name, (text, figure) in drawn(records, arrays).items():
        path = Path(figure_files[f"{name}_figure"])
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
        plt.close(figure)
        shown.append((HEADINGS[name], text, path))
    files = [materials] if isinstance(materials, str) else list(materials)
    attributes = [read(path, "firstprinciples").attributes for path in files]
    records["dispersions"] = arrays["dispersions"].attributes
    of_models, pictures = models.found(list(optional))
    numbers = assemble(records, attributes, options, provenance) | {"versions": versions()}
    numbers["models"] = models.numbers(of_models)
    numbers["wall_time"]["report"] = time.perf_counter() - start  # up to writing the page
    numbers["machines"]["report"] = machine()
    Path(index).write_text(render(options["title"], numbers, records | of_models, shown, pictures))
    write_record(metrics, {"provenance": provenance} | numbers)
    log.info("%s written", index)


def drawn(records: dict[str, dict], arrays: dict[str, Contents]) -> dict[str, tuple[str, Figure]]:
    """Caption and figure of every name of `HEADINGS`, in that order."""
    card, history, latent = (records[name] for name in ("card", "history", "latent"))
    compress, refine = records["compress"], records["superresolve"]
    covered = records["coverage"], arrays["coverage"]
    paths = arrays["dispersions"]
    found = {
        "campaign": (captions.campaign(card), figures.campaign(card)),
        "dispersions": (path_caption(paths), along_paths(paths)),
        "learning": (captions.learning(history), figures.learning_curve(history)),
        "compress": (captions.compression(compress), figures.compression(compress)),
        "examples": (captions.maps(), maps.compressed_maps(arrays["examples"])),
        "superresolve": (captions.super_resolution(refine), figures.super_resolution(refine)),
        "refined": (captions.refined_maps(refine), maps.refined_maps(arrays["refined"])),
        "classify": (
            captions.classification(records["classify"]),
            figures.classification(records["classify"]),
        ),
        "latent": (captions.latent(latent), figures.latent_plane(latent)),
        "novelty": (captions.novelty(latent), figures.novelty(latent)),
        "coverage": (cover.distribution_caption(covered[0]), cover.distributions(*covered)),
        "spectra": (cover.spectra_caption(covered[0]), cover.spectra(*covered)),
    }
    return {name: found[name] for name in HEADINGS}
