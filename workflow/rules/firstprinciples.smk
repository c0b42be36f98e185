"""Real materials: Quantum ESPRESSO and EPW make models, models become the same maps.

A DFT job reruns when the text of its input changes (params.text), not when Python around it
does; `espresso` and `firstprinciples`, which judge and convert, carry the fingerprint
of their code.  Adding an entry to config/materials.yaml adds a material.
"""

from ephforge.espresso import inputs
from ephforge.espresso.qpoints import irreducible_count
from ephforge.espresso.structures import species, structure

TABLE = config["espresso"]["materials"]
DFT = "results/espresso/{material}/"


wildcard_constraints:
    material="[a-z0-9_]+",
    element="[A-Z][a-z]?",
    q="[0-9]+",


def calculation(kind):
    """Input text of pw.x for the material of a job."""
    return lambda w: inputs.pw_input(w.material, TABLE[w.material], kind)


def of_elements(w):
    elements = species(TABLE[w.material])
    return expand(
        rules.espresso_pseudopotential.output.upf, element=elements, allow_missing=True
    )


def of_phonons(name):
    def files(w):
        numbers = range(1, irreducible_count(TABLE[w.material]) + 1)
        return expand(rules.espresso_phonon.output[name], q=numbers, allow_missing=True)

    return files


rule real_materials:
    """`make firstprinciples`: models of all materials of the table, from structures and pseudopotentials."""
    input:
        expand("results/espresso/{material}.nc", material=TABLE),


rule espresso_pseudopotential:
    """Pseudopotential of one element, converted to UPF if need be."""
    output:
        upf=DFT + "pseudo/{element}.UPF",
    log:
        "logs/espresso/{material}/pseudo-{element}.log",
    localrule: True
    params:
        call="ephforge.espresso.steps:pseudopotential",
        element="{element}",
        options=lambda w: TABLE[w.material]["pseudopotentials"][w.element],
    script:
        "../run_stage.py"


rule espresso_structure:
    """Cell and atoms as the table gives them, or relaxed."""
    input:
        upf=of_elements,
    output:
        cards=DFT + "structure.in",
    log:
        "logs/espresso/{material}/structure.log",
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 2_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.espresso.steps:structure",
        material="{material}",
        text=lambda w: inputs.relax_input(w.material, TABLE[w.material]),
        options=lambda w: {
            **dict(zip(("cell", "atoms"), structure(TABLE[w.material]), strict=True)),
            "species": species(TABLE[w.material]),
            "relax": TABLE[w.material]["relax"],
        },
    script:
        "../run_stage.py"


rule espresso_scf:
    """Self-consistent density."""
    input:
        upf=of_elements,
        cards=rules.espresso_structure.output.cards,
    output:
        save=directory(DFT + "scf.save"),
        output=DFT + "scf.out",
    log:
        "logs/espresso/{material}/scf.log",
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 2_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.espresso.steps:scf",
        material="{material}",
        text=calculation("scf"),
        options={},
    script:
        "../run_stage.py"


rule espresso_phonon:
    """DFPT at one irreducible q; these are the jobs that cost, and they are independent."""
    input:
        cards=rules.espresso_structure.output.cards,
        save=rules.espresso_scf.output.save,
    output:
        dyn=DFT + "phonon-{q}.dyn",
        dvscf=DFT + "phonon-{q}.dvscf",
        patterns=DFT + "phonon-{q}.xml",
        output=DFT + "phonon-{q}.out",
    log:
        "logs/espresso/{material}/phonon-{q}.log",
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 2_000 * attempt,
        runtime=lambda _, attempt: 240 * attempt,
    params:
        call="ephforge.espresso.steps:phonon",
        material="{material}",
        number=lambda w: int(w.q),
        text=lambda w: inputs.ph_input(w.material, TABLE[w.material], int(w.q)),
        options=lambda w: {"irreducible": irreducible_count(TABLE[w.material])},
    script:
        "../run_stage.py"


rule espresso_nscf:
    """Bands and states on the full coarse k mesh."""
    input:
        cards=rules.espresso_structure.output.cards,
        upf=of_elements,
        save=rules.espresso_scf.output.save,
    output:
        states=temp(directory(DFT + "nscf.save")),
        output=DFT + "nscf.out",
    log:
        "logs/espresso/{material}/nscf.log",
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 2_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.espresso.steps:nscf",
        material="{material}",
        text=calculation("nscf"),
        options={},
    script:
        "../run_stage.py"


rule espresso_bands:
    """Kohn-Sham bands on the high-symmetry path, the measure of the Wannier bands."""
    input:
        cards=rules.espresso_structure.output.cards,
        upf=of_elements,
        save=rules.espresso_scf.output.save,
    output:
        xml=DFT + "bands.xml",
    log:
        "logs/espresso/{material}/bands.log",
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 2_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.espresso.steps:bands",
        material="{material}",
        text=calculation("bands"),
        options={},
    script:
        "../run_stage.py"


rule espresso_wannier:
    """Wannier functions, and g on the coarse meshes in their basis."""
    input:
        cards=rules.espresso_structure.output.cards,
        states=rules.espresso_nscf.output.states,
        nscf=rules.espresso_nscf.output.output,
        dyn=of_phonons("dyn"),
        dvscf=of_phonons("dvscf"),
        patterns=of_phonons("patterns"),
    output:
        run=directory(DFT + "wannier"),
        output=DFT + "wannier.out",
    log:
        "logs/espresso/{material}/wannier.log",
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 4_000 * attempt,
        runtime=lambda _, attempt: 240 * attempt,
    params:
        call="ephforge.espresso.steps:wannier",
        material="{material}",
        text=lambda w: inputs.epw_input(w.material, TABLE[w.material], check=False),
        options=lambda w: {"points": inputs.check_points(w.material)},
    script:
        "../run_stage.py"


rule espresso_check:
    """EPW prints |g| at a few k and q, for the model to reproduce."""
    input:
        cards=rules.espresso_structure.output.cards,
        run=rules.espresso_wannier.output.run,
        nscf=rules.espresso_nscf.output.output,
    output:
        output=DFT + "check.out",
    log:
        "logs/espresso/{material}/check.log",
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 4_000 * attempt,
        runtime=lambda _, attempt: 60 * attempt,
    params:
        call="ephforge.espresso.steps:check",
        material="{material}",
        text=lambda w: inputs.epw_input(w.material, TABLE[w.material], check=True),
        options={},
    script:
        "../run_stage.py"


rule espresso:
    """All runs of a material, checked against each other -> one model file."""
    input:
        run=rules.espresso_wannier.output.run,
        check=rules.espresso_check.output.output,
        bands=rules.espresso_bands.output.xml,
        dyn=of_phonons("dyn"),
        upf=of_elements,
        logs=lambda w: [
            DFT + "scf.out",
            DFT + "nscf.out",
            DFT + "wannier.out",
            *of_phonons("output")(w),
        ],
    output:
        model="results/espresso/{material}.nc",
    log:
        "logs/espresso/{material}/model.log",
    benchmark:
        "benchmarks/espresso/{material}.tsv"
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 4_000 * attempt,
        runtime=lambda _, attempt: 30 * attempt,
    params:
        call="ephforge.espresso.stage:run",
        material="{material}",
        points=lambda w: inputs.check_points(w.material),
        species=lambda w: species(TABLE[w.material]),
        options=lambda w: TABLE[w.material],
        code=lambda _: code_version("espresso"),
    script:
        "../run_stage.py"


rule firstprinciples:
    """|g(k,q)| of one real material, on the meshes of the synthetic ones."""
    input:
        model=(
            "resources/first_principles/{material}.nc"
            if config["firstprinciples"]["source"] == "shipped"
            else rules.espresso.output.model
        ),
    output:
        maps="results/firstprinciples/{material}.nc",
    log:
        "logs/firstprinciples/{material}.log",
    benchmark:
        "benchmarks/firstprinciples/{material}.tsv"
    threads: 1
    resources:
        mem_mb=lambda _, attempt: 4_000 * attempt,
        runtime=lambda _, attempt: 30 * attempt,
    params:
        call="ephforge.firstprinciples.stage:run",
        options=config["coupling"],
        code=lambda _: code_version("firstprinciples"),
    script:
        "../run_stage.py"
