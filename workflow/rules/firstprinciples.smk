"""Real materials: real-space models of first-principles runs -> the same maps."""


rule firstprinciples:
    """|g(k,q)| of one real material, on the meshes of the synthetic ones."""
    input:
        model="resources/first_principles/{material}.nc",
    output:
        maps="results/firstprinciples/{material}.nc",
    log:
        "logs/firstprinciples/{material}.log",
    benchmark:
        "benchmarks/firstprinciples/{material}.tsv"
    wildcard_constraints:
        material="[a-z0-9_]+",
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 4_000 * attempt,
        runtime=lambda _, attempt: 30 * attempt,
    params:
        call="ephforge.firstprinciples.stage:run",
        options=config["coupling"],
        code=code_version("firstprinciples"),
    script:
        "../run_stage.py"
