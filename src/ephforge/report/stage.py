"""Stage report: the records of all stages in, figures, one page and one record out."""

import logging
import time
from pathlib import Path

import matplotlib.pyplot as plt

from ephforge.core.netcdf import read, versions
from ephforge.core.records import read_record, write_record
from ephforge.report import captions, figures
from ephforge.report import coverage as cover
from ephforge.report.metrics import assemble
from ephforge.report.page import render

log = logging.getLogger(__name__)


def run(
    card: str,
    history: str,
    compress: str,
    classify: str,
    superresolve: str,
    latent: str,
    coverage: str,
    coverage_arrays: str,
    examples: str,
    materials,
    index: str,
    metrics: str,
    campaign_figure: str,
    learning_figure: str,
    compress_figure: str,
    examples_figure: str,
    superresolve_figure: str,
    classify_figure: str,
    latent_figure: str,
    coverage_figure: str,
    spectra_figure: str,
    options: dict,
    provenance: dict,
) -> None:
    """Write results/report: index.html, metrics.json and one PNG file per figure.

    Args:
      card, history, compress, classify, superresolve, latent, coverage: JSON records of the
        stages.
      coverage_arrays: NetCDF file of descriptors and curves.
      examples: NetCDF file of maps, true and rebuilt.
      materials: files of stage firstprinciples, one or many; their wall time and provenance.
      index, metrics, *_figure: files to write.
      options: section `report` of the configuration.
    """
    start = time.perf_counter()
    paths = {
        "card": card,
        "history": history,
        "compress": compress,
        "classify": classify,
        "superresolve": superresolve,
        "latent": latent,
        "coverage": coverage,
    }
    records = {name: read_record(path) for name, path in paths.items()}
    covered = read(coverage_arrays, "coverage")
    drawn = [
        (
            "Compression",
            captions.compression(records["compress"]),
            figures.compression(records["compress"]),
            compress_figure,
        ),
        (
            "Maps, true and rebuilt",
            captions.maps(),
            figures.example_maps(read(examples, "examples")),
            examples_figure,
        ),
        (
            "Refinement in q",
            captions.super_resolution(records["superresolve"]),
            figures.super_resolution(records["superresolve"]),
            superresolve_figure,
        ),
        (
            "Telling structures apart",
            captions.classification(records["classify"]),
            figures.classification(records["classify"]),
            classify_figure,
        ),
        (
            "Real among synthetic materials",
            captions.latent(records["latent"]),
            figures.latent_plane(records["latent"]),
            latent_figure,
        ),
        (
            "Do the synthetic materials cover the real ones?",
            cover.distribution_caption(records["coverage"]),
            cover.distributions(records["coverage"], covered),
            coverage_figure,
        ),
        (
            "Decay, sparsity and rank of g(Re,Rp)",
            cover.spectra_caption(records["coverage"]),
            cover.spectra(records["coverage"], covered),
            spectra_figure,
        ),
        (
            "Learning curve",
            captions.learning(records["history"]),
            figures.learning_curve(records["history"]),
            learning_figure,
        ),
        (
            "The campaign",
            captions.campaign(records["card"]),
            figures.campaign(records["card"]),
            campaign_figure,
        ),
    ]
    for _, _, figure, path in drawn:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
        plt.close(figure)
    materials = [materials] if isinstance(materials, str) else list(materials)
    attributes = [read(path, "firstprinciples").attributes for path in materials]
    numbers = assemble(records, attributes, options, provenance) | {"versions": versions()}
    numbers["wall_time"]["report"] = time.perf_counter() - start  # up to writing the page
    shown = [(heading, text, Path(path)) for heading, text, _, path in drawn]
    page = render(options["title"], numbers, records, shown)
    Path(index).write_text(page)
    write_record(metrics, {"provenance": provenance} | numbers)
    log.info("%s written", index)
