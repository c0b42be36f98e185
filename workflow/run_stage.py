"""Call the stage function a rule names; the only file that sees `snakemake`."""

import importlib
import inspect
import logging
import os
import sys

from ephforge.plain_lines import FORMAT, PlainLines

if not sys.stderr.isatty():
    os.environ.update(FORMAT)
    sys.stderr = PlainLines(sys.stderr)
# the size of XLA's thread pool, read when jax is imported; ephforge/core/__init__.py says why
os.environ["NPROC"] = str(snakemake.threads)

from ephforge.core.errors import EphforgeError

logging.basicConfig(
    level="WARNING",
    format="%(asctime)s %(name)s: %(message)s",
    handlers=[logging.FileHandler(snakemake.log[0], mode="w"), logging.StreamHandler()],
)
logging.captureWarnings(True)
logging.getLogger("ephforge").setLevel("INFO")
log = logging.getLogger(f"ephforge.{snakemake.rule}")

params = dict(snakemake.params)
module_name, function_name = params.pop("call").split(":")
provenance = {"stage": snakemake.rule, "options": params["options"], "code": params.pop("code", "")}
try:
    function = getattr(importlib.import_module(module_name), function_name)
    # where pseudopotentials lie and how programs are started is no reason to run them again
    for name in {"launcher", "pseudo_folders"} & set(inspect.signature(function).parameters):
        params[name] = snakemake.config["espresso"][name]
    function(**dict(snakemake.input), **dict(snakemake.output), **params, provenance=provenance)
except EphforgeError as error:
    log.error("error: %s", error)
    sys.exit(1)
except Exception:
    log.exception("unexpected error, please report it with the lines below")
    sys.exit(1)
