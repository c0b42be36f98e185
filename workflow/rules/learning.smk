"""The fan-in, and the autoencoder."""


rule dataset:
    """Check all shards, split the materials by family, write the index and the card."""
    input:
        shards=all_shards("coupling"),
    output:
        dataset="results/dataset/dataset.nc",
        card="results/dataset/card.json",
        text="results/dataset/card.md",
    log:
        "logs/dataset.log",
    benchmark:
        "benchmarks/dataset.tsv"
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 4_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.dataset.stage:run",
        seed=config["campaign"]["seed"],
        options=config["dataset"],
        code=lambda _: code_version("dataset"),
    script:
        "../run_stage.py"


rule train:
    """Train the autoencoder on the training split; a killed run resumes from its checkpoint."""
    input:
        all_shards("coupling"),  # where the dataset points to
        dataset=rules.dataset.output.dataset,
    output:
        autoencoder="results/train/autoencoder.nc",
        history="results/train/history.json",
    log:
        "logs/train.log",
    benchmark:
        "benchmarks/train.tsv"
    threads: 4
    resources:
        mem_mb=lambda _, attempt: 16_000 * attempt,
        runtime=lambda _, attempt: 240 * attempt,
    params:
        call="ephforge.train.stage:run",
        # no output: Snakemake removes the outputs of a failed job, and these must survive it
        checkpoints="results/train/checkpoints",
        coarse_q_mesh=config["superresolve"]["coarse_q_mesh"],
        options=config["train"],
        code=lambda _: code_version("train"),
    script:
        "../run_stage.py"
