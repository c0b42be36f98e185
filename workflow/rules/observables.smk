"""Physics checks of real materials; outside the default campaign: `snakemake observables_all`."""


rule observables:
    """Dispersions, limits at small q, and of metals lambda and alpha2F, of one real material."""
    input:
        model=rules.firstprinciples.input.model,
    output:
        record="results/observables/{material}.json",
        figure=report(
            "results/observables/{material}.png",
            caption="../captions/observables.rst",
            category="Physics checks",
            labels={"material": "{material}"},
        ),
    log:
        "logs/observables/{material}.log",
    benchmark:
        "benchmarks/observables/{material}.tsv"
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 4_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.observables.stage:run",
        options=config["observables"],
        code=lambda _: code_version("observables"),
    script:
        "../run_stage.py"


rule observables_all:
    """The checks of every material of firstprinciples.materials."""
    input:
        expand(
            rules.observables.output, material=config["firstprinciples"]["materials"]
        ),
