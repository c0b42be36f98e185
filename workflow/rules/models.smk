"""What real-space models are worth to users; outside the default campaign: `snakemake models_all`."""


def other_runs(wildcards):
    """Models that may be of the same material on another q mesh: their DFPT took how long?"""
    real = config["firstprinciples"]
    if real["source"] == "shipped":
        known = glob_wildcards("resources/first_principles/{name}.nc").name
    else:
        known = real["materials"]
    start = wildcards.material.split("_")[0] + "_"
    names = {name for name in known if name.startswith(start)} - {wildcards.material}
    return expand(rules.firstprinciples.input.model, material=sorted(names))


rule modelcodec:
    """Bits of g of one real material at equal error, the codec beside what else there is."""
    input:
        model=rules.firstprinciples.input.model,
    output:
        record="results/modelcodec/{material}.json",
        figure=report(
            "results/modelcodec/{material}.png",
            caption="../captions/modelcodec.rst",
            category="Real-space models",
            labels={"material": "{material}", "figure": "bits"},
        ),
    log:
        "logs/modelcodec/{material}.log",
    benchmark:
        "benchmarks/modelcodec/{material}.tsv"
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 8_000 * attempt,
        runtime=lambda _, attempt: 120 * attempt,
    params:
        call="ephforge.modelcodec.stage:run",
        options=config["modelcodec"],
        code=lambda _: code_version("modelcodec"),
    script:
        "../run_stage.py"


rule modelcodec_figure:
    """Bits of g of every material of modelcodec.materials side by side."""
    input:
        records=expand(
            rules.modelcodec.output.record, material=config["modelcodec"]["materials"]
        ),
    output:
        figure=report(
            "results/modelcodec.png",
            caption="../captions/modelcodec.rst",
            category="Real-space models",
            labels={"material": "all", "figure": "bits"},
        ),
    log:
        "logs/modelcodec.log",
    localrule: True
    params:
        call="ephforge.modelcodec.stage:beside",
        options={},
        code=lambda _: code_version("modelcodec"),
    script:
        "../run_stage.py"


rule refinement:
    """Refinement in q of one real material from coarser meshes, and the DFPT that it saves."""
    input:
        model=rules.firstprinciples.input.model,
        runs=other_runs,
    output:
        record="results/refinement/{material}.json",
        figure=report(
            "results/refinement/{material}.png",
            caption="../captions/refinement.rst",
            category="Real-space models",
            labels={"material": "{material}", "figure": "refinement"},
        ),
    log:
        "logs/refinement/{material}.log",
    benchmark:
        "benchmarks/refinement/{material}.tsv"
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 8_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.refinement.stage:run",
        metals=sorted(config["observables"]["metals"]),
        options=config["refinement"],
        code=lambda _: code_version("refinement"),
    script:
        "../run_stage.py"


rule models_all:
    """Bits and refinement of every material of modelcodec.materials and refinement.materials."""
    input:
        expand(rules.modelcodec.output, material=config["modelcodec"]["materials"]),
        rules.modelcodec_figure.output.figure,
        expand(rules.refinement.output, material=config["refinement"]["materials"]),
