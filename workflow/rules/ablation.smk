"""What a family is worth; outside the default campaign: `snakemake ablation`."""


rule ablation:
    """The codec without each potential, basis and kind of material, and without each of its parts."""
    input:
        all_shards("coupling"),  # where the dataset points to
        dataset=rules.dataset.output.dataset,
        autoencoder=rules.train.output.autoencoder,
        materials=expand(
            rules.firstprinciples.output.maps, material=config["ablation"]["materials"]
        ),
    output:
        metrics="results/ablation/metrics.json",
    log:
        "logs/ablation.log",
    benchmark:
        "benchmarks/ablation.tsv"
    threads: 2
    resources:
        mem_mb=lambda _, attempt: 16_000 * attempt,
        runtime=lambda _, attempt: 120 * attempt,
    params:
        call="ephforge.ablation.stage:run",
        seed=config["campaign"]["seed"],
        training_options=config["train"],
        options=config["ablation"],
        code=lambda _: code_version("ablation"),
    script:
        "../run_stage.py"
