"""The fan-out: shards of synthetic materials, each a fixed range of material numbers.

The name of a shard is its range, first included, last excluded: 000060-000120.  A larger
campaign adds files and touches none.
"""

SHARD_STARTS = range(
    0, config["campaign"]["materials"], config["campaign"]["shard_size"]
)
SHARDS = [f"{i:06d}-{i + config['campaign']['shard_size']:06d}" for i in SHARD_STARTS]


wildcard_constraints:
    shard=r"\d{6}-\d{6}",


def all_shards(stage):
    """Inputs of a rule, listed where the rule has a job: every job of a shard reads these rules."""
    return lambda _: expand(f"results/{stage}/{{shard}}.nc", shard=SHARDS)


rule lattice:
    """Draw the materials of a shard, relax them, compute force constants, judge stability."""
    output:
        shard="results/lattice/{shard}.nc",
    log:
        "logs/lattice/{shard}.log",
    benchmark:
        "benchmarks/lattice/{shard}.tsv"
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 2_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.lattice.stage:run",
        first=lambda wildcards: int(wildcards.shard.split("-")[0]),
        last=lambda wildcards: int(wildcards.shard.split("-")[1]),
        seed=config["campaign"]["seed"],
        options=config["lattice"],
        code=lambda _: code_version("lattice"),
    script:
        "../run_stage.py"


rule coupling:
    """Tight-binding electrons on the lattices of a shard, and |g(k,q)| on the meshes."""
    input:
        lattice="results/lattice/{shard}.nc",
    output:
        shard="results/coupling/{shard}.nc",
    log:
        "logs/coupling/{shard}.log",
    benchmark:
        "benchmarks/coupling/{shard}.tsv"
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 6_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.coupling.stage:run",
        seed=config["campaign"]["seed"],
        options=config["coupling"],
        code=lambda _: code_version("coupling"),
    script:
        "../run_stage.py"
