"""One rule per task, on held-out synthetic and on real materials; then the report."""

from ephforge.optional import records_there

REAL_MATERIALS = expand(
    rules.firstprinciples.output.maps, material=config["firstprinciples"]["materials"]
)


rule compress:
    """Compression: the autoencoder and the classical methods at the same bits."""
    input:
        all_shards("coupling"),  # where the dataset points to
        dataset=rules.dataset.output.dataset,
        autoencoder=rules.train.output.autoencoder,
        materials=REAL_MATERIALS,
    output:
        metrics="results/compress/metrics.json",
        examples="results/compress/examples.nc",
    log:
        "logs/compress.log",
    benchmark:
        "benchmarks/compress.tsv"
    threads: 2
    resources:
        mem_mb=lambda _, attempt: 16_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.compress.stage:run",
        electrons={
            name: metal["electrons"]
            for name, metal in config["observables"]["metals"].items()
            if name in config["firstprinciples"]["materials"]
        },
        options=config["compress"],
        code=lambda _: code_version("compress"),
    script:
        "../run_stage.py"


rule classify:
    """Which structure, potential or basis: linear probes on the encoder's and other features."""
    input:
        all_shards("coupling"),  # where the dataset points to
        dataset=rules.dataset.output.dataset,
        autoencoder=rules.train.output.autoencoder,
        materials=REAL_MATERIALS,
    output:
        metrics="results/classify/metrics.json",
    log:
        "logs/classify.log",
    benchmark:
        "benchmarks/classify.tsv"
    threads: 2
    resources:
        mem_mb=lambda _, attempt: 16_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.classify.stage:run",
        options=config["classify"],
        code=lambda _: code_version("classify"),
    script:
        "../run_stage.py"


rule superresolve:
    """From a coarse q mesh to the full one: the autoencoder against interpolation."""
    input:
        all_shards("coupling"),  # where the dataset points to
        dataset=rules.dataset.output.dataset,
        autoencoder=rules.train.output.autoencoder,
        materials=REAL_MATERIALS,
    output:
        metrics="results/superresolve/metrics.json",
        examples="results/superresolve/examples.nc",
    log:
        "logs/superresolve.log",
    benchmark:
        "benchmarks/superresolve.tsv"
    threads: 2
    resources:
        mem_mb=lambda _, attempt: 16_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.superresolve.stage:run",
        options=config["superresolve"],
        code=lambda _: code_version("superresolve"),
    script:
        "../run_stage.py"


rule latent:
    """Where the real materials lie among the synthetic ones."""
    input:
        all_shards("coupling"),  # where the dataset points to
        dataset=rules.dataset.output.dataset,
        autoencoder=rules.train.output.autoencoder,
        materials=REAL_MATERIALS,
    output:
        metrics="results/latent/metrics.json",
    log:
        "logs/latent.log",
    benchmark:
        "benchmarks/latent.tsv"
    threads: 2
    resources:
        mem_mb=lambda _, attempt: 16_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.latent.stage:run",
        options=config["latent"],
        code=lambda _: code_version("latent"),
    script:
        "../run_stage.py"


rule coverage:
    """Distributions of synthetic against real materials, nearest neighbours, outlier scores."""
    input:
        all_shards("coupling"),  # where the dataset points to
        dataset=rules.dataset.output.dataset,
        lattice=all_shards("lattice"),
        materials=REAL_MATERIALS,
        models=expand(
            rules.firstprinciples.input.model,
            material=config["firstprinciples"]["materials"],
        ),
    output:
        metrics="results/coverage/metrics.json",
        arrays="results/coverage/arrays.nc",
    log:
        "logs/coverage.log",
    benchmark:
        "benchmarks/coverage.tsv"
    threads: 2
    resources:
        mem_mb=lambda _, attempt: 8_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.coverage.stage:run",
        seed=config["campaign"]["seed"],
        coupling=config["coupling"],
        options=config["coverage"],
        code=lambda _: code_version("coverage"),
    script:
        "../run_stage.py"


DRAWN = [
    name
    for name in config["dispersions"]["materials"]
    if name in config["firstprinciples"]["materials"]
]


rule dispersions:
    """Bands, phonons and |g| of a few synthetic and real materials along a path."""
    input:
        # whose rule has found the models whole: a damaged one is named once
        expand(rules.firstprinciples.output.maps, material=DRAWN),
        dataset=rules.dataset.output.dataset,
        lattice=all_shards("lattice"),
        models=expand(rules.firstprinciples.input.model, material=DRAWN),
    output:
        arrays="results/dispersions/arrays.nc",
    log:
        "logs/dispersions.log",
    benchmark:
        "benchmarks/dispersions.tsv"
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 4_000 * attempt,
        runtime=lambda _, attempt: 30 * attempt,
    params:
        call="ephforge.dispersions.stage:run",
        seed=config["campaign"]["seed"],
        coupling=config["coupling"],
        options=config["dispersions"],
        code=lambda _: code_version("dispersions"),
    script:
        "../run_stage.py"


rule report:
    """One page with every table and figure, and the same numbers in metrics.json."""
    input:
        card=rules.dataset.output.card,
        history=rules.train.output.history,
        compress=rules.compress.output.metrics,
        classify=rules.classify.output.metrics,
        superresolve=rules.superresolve.output.metrics,
        latent=rules.latent.output.metrics,
        coverage=rules.coverage.output.metrics,
        coverage_arrays=rules.coverage.output.arrays,
        dispersions=rules.dispersions.output.arrays,
        examples=rules.compress.output.examples,
        refined=rules.superresolve.output.examples,
        materials=REAL_MATERIALS,
    output:
        index=report(
            "results/report/index.html",
            caption="../captions/index.rst",
            category="Report",
        ),
        metrics="results/report/metrics.json",
        campaign_figure=report(
            "results/report/campaign.png",
            caption="../captions/campaign.rst",
            category="Data",
        ),
        learning_figure=report(
            "results/report/learning.png",
            caption="../captions/learning.rst",
            category="Training",
        ),
        compress_figure=report(
            "results/report/compress.png",
            caption="../captions/compress.rst",
            category="Tasks",
        ),
        examples_figure=report(
            "results/report/examples.png",
            caption="../captions/examples.rst",
            category="Tasks",
        ),
        superresolve_figure=report(
            "results/report/superresolve.png",
            caption="../captions/superresolve.rst",
            category="Tasks",
        ),
        refined_figure=report(
            "results/report/refined.png",
            caption="../captions/refined.rst",
            category="Tasks",
        ),
        classify_figure=report(
            "results/report/classify.png",
            caption="../captions/classify.rst",
            category="Tasks",
        ),
        latent_figure=report(
            "results/report/latent.png",
            caption="../captions/latent.rst",
            category="Tasks",
        ),
        novelty_figure=report(
            "results/report/novelty.png",
            caption="../captions/novelty.rst",
            category="Tasks",
        ),
        dispersions_figure=report(
            "results/report/dispersions.png",
            caption="../captions/dispersions.rst",
            category="Data",
        ),
        coverage_figure=report(
            "results/report/coverage.png",
            caption="../captions/coverage.rst",
            category="Data",
        ),
        spectra_figure=report(
            "results/report/spectra.png",
            caption="../captions/spectra.rst",
            category="Data",
        ),
    log:
        "logs/report.log",
    benchmark:
        "benchmarks/report.tsv"
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 4_000 * attempt,
        runtime=lambda _, attempt: 30 * attempt,
    params:
        call="ephforge.report.stage:run",
        optional=lambda _: records_there("results/modelcodec", "results/refinement"),
        options=config["report"],
        code=lambda _: code_version("report"),
    script:
        "../run_stage.py"
