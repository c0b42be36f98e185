"""From nothing to a trained autoencoder and a report on real materials: table of contents.
A rule names files, options and resources; workflow/run_stage.py calls `ephforge.<rule>.stage.run`.
"""

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from ephforge.config import ConfigError, validate
from ephforge.layers import code_version
from ephforge.preflight import objection

min_version("9.27")


configfile: "config.yaml"
configfile: "config/materials.yaml"


try:
    options = validate(config, " + ".join(map(str, workflow.configfiles)))
except ConfigError as error:
    raise WorkflowError(str(error)) from None
config.update(options.model_dump(mode="json"))


onstart:
    if reason := objection("results", "logs", "benchmarks"):
        raise WorkflowError(reason)


include: "workflow/rules/physics.smk"  # lattice, coupling: many shards of materials
include: "workflow/rules/firstprinciples.smk"  # real materials
include: "workflow/rules/learning.smk"  # dataset (shards come together), train
include: "workflow/rules/tasks.smk"  # compress, classify, superresolve, latent, coverage, report
include: "workflow/rules/ablation.smk"  # what materials and parts are worth, a target of its own
include: "workflow/rules/observables.smk"  # physics checks, a target of their own
include: "workflow/rules/models.smk"  # bits and refinement of real-space models, likewise


rule all:
    """The report, and every file on the way to it: a lost one is made again."""
    default_target: True
    input:
        rules.report.output,
        rules.train.output,
        rules.dataset.output,
        rules.report.input,
        all_shards("lattice"),
        all_shards("coupling"),
