"""Call the stage function a rule names; the only file that sees `snakemake`."""

import importlib
import logging
import sys

from ephforge.core.errors import EphforgeError

logging.basicConfig(
    level="INFO",
    format="%(asctime)s %(name)s: %(message)s",
    handlers=[logging.FileHandler(snakemake.log[0], mode="w"), logging.StreamHandler()],
)
params = dict(snakemake.params)
module_name, function_name = params.pop("call").split(":")
provenance = {"stage": snakemake.rule, "options": params["options"], "code": params.pop("code")}
function = getattr(importlib.import_module(module_name), function_name)
try:
    function(**dict(snakemake.input), **dict(snakemake.output), **params, provenance=provenance)
except EphforgeError as error:
    logging.error("ephforge: error in %s: %s", snakemake.rule, error)
    sys.exit(1)
