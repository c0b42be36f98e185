"""Options of every stage: one section each, typed, bounded, closed.

The Snakefile reads config.yaml through `load`; each stage gets its own section as a plain
dict in `params`.  Nothing but declarations and checks lives here, because this module is
outside the code fingerprint (layers.py).
"""

import json
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Prototype = Literal[
    "fcc", "bcc", "simple_cubic", "diamond", "zincblende", "rocksalt", "cscl", "fluorite",
    "half_heusler", "l1_2", "reo3", "perovskite", "cristobalite", "cuprite",
    "hcp", "dhcp", "simple_hexagonal", "omega", "alb2", "wurtzite", "lonsdaleite", "nias", "wc",
    "l1_0", "beta_tin", "litharge", "c11_b", "d0_22", "b11", "rutile", "anatase",
    "rhombohedral", "a7", "cdi2", "selenium", "l1_1", "delafossite",
    "alpha_uranium", "b33", "black_phosphorus", "alpha_gallium", "b19", "mopt2", "marcasite",
    "b19_prime", "tenorite", "calaverite", "monoclinic_simple",
    "californium", "triclinic_simple", "triclinic_pair",
    "triangular_layer", "square_layer", "honeycomb_layer", "binary_honeycomb_layer",
    "buckled_layer", "mos2_layer", "cdi2_layer", "distorted_cdi2_layer",
]  # fmt: skip
Potential = Literal[
    "emt", "emt2013", "emt_rasmussen", "emt_glass", "rgl", "eam", "lennard_jones", "morse",
    "brenner", "stillinger_weber", "tersoff", "keating", "polar", "ionic",
]  # fmt: skip
Basis = Literal["s", "sp3", "sp3s*", "sp3d5"]
Mesh = tuple[
    Annotated[int, Field(ge=1, le=64)],
    Annotated[int, Field(ge=1, le=64)],
    Annotated[int, Field(ge=1, le=64)],
]
Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


class ConfigError(Exception):
    """A line for the user that names file, key, value and what is allowed."""


class Section(BaseModel):
    """A section refuses keys it does not know and cannot be changed once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Campaign(Section):
    """Which materials: their number, the seed that draws them, how they are cut into files."""

    seed: int = Field(7, ge=0, description="every random draw follows from it")
    materials: int = Field(
        1440, ge=1, le=999_999, description="synthetic materials to draw, whole shards of them"
    )
    shard_size: int = Field(
        120, ge=1, description="materials in one job and file; keep it for ever"
    )

    @model_validator(mode="after")
    def _shards_are_whole(self):
        size = self.shard_size
        if self.materials % size:
            whole = -(-self.materials // size) * size
            raise ValueError(
                f"materials = {self.materials} must be a multiple of shard_size = {size}, "
                f"for instance {whole}"
            )
        return self


class Lattice(Section):
    """Draw a crystal and a potential, relax, compute force constants, judge stability."""

    prototypes: list[Prototype] = Field(
        list(Prototype.__args__), min_length=1, description="structure types to draw from"
    )
    potentials: list[Potential] = Field(
        list(Potential.__args__), min_length=1, description="interatomic potentials to draw from"
    )
    variants: Fraction = Field(
        0.4, description="share of ordered or distorted variants, where the potential holds them"
    )
    strain: float = Field(0.03, ge=0, le=0.1, description="largest isotropic strain after relaxing")
    displacement: float = Field(0.001, gt=0, le=0.1, description="finite difference step, angstrom")
    imaginary_tolerance: float = Field(
        0.1, ge=0, le=5, description="meV; a mode more imaginary than this rejects the material"
    )
    max_rejected: Fraction = Field(0.9, description="a shard fails above this rejected share")


class Coupling(Section):
    """Tight-binding electrons, g(k,q), and |g| on a mesh; the mesh also serves real materials."""

    bases: list[Basis] = Field(
        list(Basis.__args__), min_length=1, description="orbital bases to draw from"
    )
    overlap: Fraction = Field(0.5, description="share of two-centre materials with overlap")
    crystal_field: Fraction = Field(
        0.5, description="share of two-centre materials whose levels feel their neighbours"
    )
    spin_orbit: Fraction = Field(0.1, description="share of two-centre materials with spin-orbit")
    three_centre: Fraction = Field(0.35, description="share of materials of the three-centre kind")
    three_centre_mesh: Mesh = Field(
        (4, 4, 4),
        description="finest mesh these are computed on; finer maps are interpolated from it",
    )
    metals: Fraction = Field(0.4, description="share wanted; where the bands allow it")
    semiconductors: Fraction = Field(
        0.4, description="share wanted, gap up to 3 eV; the rest are insulators"
    )
    k_mesh: Mesh = Field((4, 4, 4), description="electron mesh, Gamma-centred")
    q_mesh: Mesh = Field((4, 4, 4), description="phonon mesh; must divide the k mesh")
    bands: int = Field(4, ge=1, le=32, description="band window: this many bands from the lowest")
    degeneracy: float = Field(
        0.1, gt=0, le=10, description="meV; states closer than this share |g|^2 equally"
    )
    soft_mode: float = Field(
        1.0, gt=0, le=50, description="meV; modes softer than this get g = 0 (acoustic at q = 0)"
    )
    batch_size: int = Field(
        16, ge=1, description="materials per kernel call; a CPU takes one at a time"
    )

    @model_validator(mode="after")
    def _meshes_are_commensurate(self):
        if any(nk % nq for nk, nq in zip(self.k_mesh, self.q_mesh, strict=True)):
            raise ValueError(f"q_mesh {self.q_mesh} must divide k_mesh {self.k_mesh}")
        return self

    @model_validator(mode="after")
    def _kinds_of_solid_are_shares(self):
        if self.metals + self.semiconductors > 1:
            raise ValueError(
                f"metals = {self.metals} and semiconductors = {self.semiconductors} "
                "must not exceed 1 together"
            )
        return self


Element = Annotated[str, Field(pattern=r"^[A-Z][a-z]?$")]
Vector = tuple[float, float, float]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]


class Pseudopotential(Section):
    """A norm-conserving pseudopotential: UPF as it is; fhi, psp8 and HGH files are converted."""

    file: str = Field(
        pattern=r"^\w[\w.+-]*(/\w[\w.+-]*)*$", description="name below pseudo_folders"
    )
    local: int | None = Field(None, ge=0, le=3, description="local channel, for fhi files")
    largest: int | None = Field(None, ge=0, le=3, description="largest l used, for fhi files")


class Wannier(Section):
    """Wannier functions of one real material."""

    functions: int = Field(ge=1, le=64, description="number of Wannier functions")
    projections: list[str] = Field(min_length=1, description="starting guesses, Wannier90 syntax")
    excluded: int = Field(0, ge=0, description="lowest bands left out, e.g. semicore")
    window_max: float | None = Field(None, description="eV; top of the disentanglement window")
    frozen_max: float | None = Field(None, description="eV; top of the frozen window")
    largest_spread: float = Field(10.0, gt=0, description="angstrom^2; a larger one is refused")
    band_tolerance: float = Field(
        500.0, gt=0, description="meV; Wannier against Kohn-Sham bands between mesh points"
    )

    @model_validator(mode="after")
    def _windows_come_together(self):
        if (self.window_max is None) != (self.frozen_max is None):
            raise ValueError("give both window_max and frozen_max, or neither")
        if self.window_max is not None and self.frozen_max >= self.window_max:
            raise ValueError(
                f"frozen_max = {self.frozen_max} must be below window_max = {self.window_max}"
            )
        return self


class RealMaterial(Section):
    """One line of the table of real materials, config/materials.yaml."""

    crystal: Literal[
        "fcc", "bcc", "hcp", "diamond", "zincblende", "rocksalt", "cscl", "wurtzite", "free"
    ] = Field(description="structure type; 'free' takes cell and atoms")
    elements: list[Element] = Field([], max_length=2, description="on the sites of the type")
    a: Positive | None = Field(None, description="angstrom; cubic or hexagonal lattice constant")
    c: Positive | None = Field(None, description="angstrom; hexagonal c")
    cell: tuple[Vector, Vector, Vector] | None = Field(None, description="angstrom, rows; 'free'")
    atoms: list[tuple[Element, float, float, float]] = Field(
        [], description="element and fractional coordinates; 'free'"
    )
    relax: Literal["none", "positions", "cell"] = Field(
        "none", description="what pw.x relaxes before everything else"
    )
    pseudopotentials: dict[Element, Pseudopotential] = Field(description="one for each element")
    cutoff: float = Field(gt=0, le=400, description="Ry, plane waves")
    smearing: float = Field(0.0, ge=0, le=0.2, description="Ry; 0 for insulators")
    scf_mesh: Mesh = Field(description="k mesh of the self-consistent density")
    scf_shift: bool = Field(True, description="half a step off Gamma")
    k_mesh: Mesh = Field(description="coarse electron mesh, Gamma-centred")
    q_mesh: Mesh = Field(description="coarse phonon mesh; must divide k_mesh")
    bands: int = Field(ge=1, description="bands of the coarse k mesh, excluded ones counted")
    polar: bool = Field(False, description="Born charges and long-range part")
    soft_modes: float = Field(
        0.5, ge=0, description="meV; a mode more imaginary than this is refused"
    )
    wannier: Wannier = Field(description="Wannier functions")

    @model_validator(mode="after")
    def _structure_is_complete(self):
        n_species = 2 if self.crystal in ("zincblende", "rocksalt", "cscl", "wurtzite") else 1
        if self.crystal == "free":
            if self.cell is None or not self.atoms or self.elements or self.a or self.c:
                raise ValueError("crystal 'free' takes cell and atoms, and no elements, a or c")
        elif len(self.elements) != n_species or self.a is None or self.cell or self.atoms:
            raise ValueError(f"crystal '{self.crystal}' takes a and {n_species} elements")
        elif (self.c is None) == (self.crystal in ("hcp", "wurtzite")):
            raise ValueError("c is for hcp and wurtzite, and they need it")
        species = set(self.elements) | {atom[0] for atom in self.atoms}
        if species != set(self.pseudopotentials):
            raise ValueError(f"pseudopotentials must be given for {sorted(species)}, no others")
        return self

    @model_validator(mode="after")
    def _meshes_and_bands_fit(self):
        if any(nk % nq for nk, nq in zip(self.k_mesh, self.q_mesh, strict=True)):
            raise ValueError(f"q_mesh {self.q_mesh} must divide k_mesh {self.k_mesh}")
        free = self.bands - self.wannier.excluded - self.wannier.functions
        if free < 0 or (free > 0) != (self.wannier.window_max is not None):
            raise ValueError(
                f"bands = {self.bands} minus excluded must be the number of Wannier functions "
                "without windows, and more with them"
            )
        if len(self.pseudopotentials) > 1 and not self.smearing and not self.polar:
            raise ValueError("a compound without smearing is an insulator and needs polar: true")
        if self.polar and self.smearing:
            raise ValueError("a polar material is an insulator: smearing must be 0")
        return self


class Espresso(Section):
    """Make models of real materials by Quantum ESPRESSO and EPW: `make firstprinciples`."""

    pseudo_folders: list[str] = Field(
        ["pseudo", "/usr/share/espresso/pseudo", "/usr/share/abinit/psp"],
        min_length=1,
        description="where pseudopotentials are looked up, the first one found is taken",
    )
    launcher: str = Field(
        "", description="put before pw.x and ph.x, e.g. 'mpirun -np 8'; no rerun if changed"
    )
    materials: dict[Name, RealMaterial] = Field(
        {}, description="the table of materials, in config/materials.yaml"
    )


class Firstprinciples(Section):
    """Real materials: models in resources/first_principles/NAME.nc."""

    source: Literal["shipped", "computed"] = Field(
        "shipped",
        description="models from resources/first_principles, or those that espresso computes",
    )

    materials: list[Name] = Field(
        [
            *("si_2", "si_4", "si_4b8", "c_4", "ge_3", "sic_4", "sic_2h_4", "bp_4", "alp_4"),
            *(
                "alas_4",
                "alsb_4",
                "gap_4",
                "mgo_4",
                "nacl_3",
                "mg2si_4",
                "al_4",
                "pb_4",
            ),
        ],
        description="names of model files",
    )


class Dataset(Section):
    """Check all shards, split by family, count what is there."""

    validation_fraction: Fraction = Field(0.1, description="share of families for early stopping")
    test_fraction: Fraction = Field(0.2, description="share of families never seen in training")
    largest_orbits: int = Field(
        450, ge=1, description="materials of more (k, q) orbits are set aside, not learnt from"
    )
    largest_modes: int = Field(12, ge=3, description="likewise those of more phonon modes")

    @model_validator(mode="after")
    def _something_is_left_to_train_on(self):
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError("validation_fraction + test_fraction must be below 1")
        return self


class Train(Section):
    """The convolutional autoencoder and how it is trained."""

    seed: int = Field(0, ge=0, description="initial weights and order of batches")
    features: int = Field(12, ge=4, le=512, description="hidden features of each channel")
    layers: int = Field(1, ge=1, le=16, description="convolution layers of each path")
    patches: bool = Field(
        False,
        description="whether each mode at each star of q has components of its own, of what those "
        "of whole blocks leave",
    )
    coded_materials: int = Field(
        2000,
        ge=1,
        description="of the training split, evenly spaced, whose codes are learned from; "
        "all if it has fewer",
    )
    codes: int = Field(2, ge=1, le=64, description="codes of each of these")
    prior_steps: int = Field(
        2000, ge=1, description="optimiser steps of the prior of the entropy coder"
    )
    steps: int = Field(1000, ge=1, description="optimiser steps of the convolutions")
    batch_size: int = Field(8, ge=1, description="materials per step")
    learning_rate: float = Field(3e-3, gt=0, le=1, description="peak of the cosine schedule")
    weight_decay: float = Field(1e-4, ge=0, le=1, description="AdamW weight decay")
    masked_fraction: Fraction = Field(
        0.3,
        description="share of steps that train refinement from the coarse q mesh (superresolve)",
    )
    evaluate_every: int = Field(250, ge=1, description="steps between validations and checkpoints")


class Compress(Section):
    """Compression against the classical methods."""

    budgets: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01],
        min_length=1,
        description="stored bits / (32 x numbers in the full grid)",
    )
    test_materials: int = Field(
        30, ge=1, description="of the synthetic test split, evenly spaced; all if it has fewer"
    )
    bounds: list[Positive] = Field(
        [0.3, 0.1, 0.03, 0.01],
        min_length=1,
        description="errors that no element may exceed / root mean square of |g|",
    )
    broadening: float = Field(
        0.5, gt=0, description="eV; of the deltas in lambda and linewidths of rebuilt |g|"
    )
    temperature: float = Field(300.0, gt=0, description="K; of the phonons in linewidths")
    soft_mode: float = Field(
        1.0, gt=0, le=50, description="meV; softer modes enter neither (acoustic at q = 0)"
    )


Bond = Literal["metallic", "covalent", "ionic", "pair"]
_BONDS: dict[Potential, Bond] = {
    **dict.fromkeys(("emt", "emt2013", "emt_rasmussen", "emt_glass", "rgl", "eam"), "metallic"),
    **dict.fromkeys(("lennard_jones", "morse"), "pair"),
    **dict.fromkeys(("brenner", "stillinger_weber", "tersoff", "keating", "polar"), "covalent"),
    "ionic": "ionic",
}
_REAL_BONDS: dict[str, Bond] = {
    **dict.fromkeys(("al_4", "pb_4"), "metallic"),
    **dict.fromkeys(("si_2", "si_4", "si_4b8", "c_4", "ge_3", "sic_4", "sic_2h_4"), "covalent"),
    **dict.fromkeys(("bp_4", "alp_4", "alas_4", "alsb_4", "gap_4", "mg2si_4"), "covalent"),
    **dict.fromkeys(("mgo_4", "nacl_3"), "ionic"),
}


class Classify(Section):
    """Probes on the latent code and on classical features: structure, and bonding."""

    folds: int = Field(5, ge=2, le=20, description="cross-validation folds, by family")
    pca_components: int = Field(64, ge=1, description="features of the PCA probe")
    bonds: dict[Potential, Bond] = Field(
        _BONDS, description="bonding of the materials of each potential; others are left out"
    )
    real_bonds: dict[Name, Bond] = Field(
        _REAL_BONDS,
        description="of real materials; ionic: electronegativities (Pauling) differ by over 1.7",
    )


class Superresolve(Section):
    """From a coarse q mesh to the full one."""

    coarse_q_mesh: Mesh = Field((2, 2, 2), description="q points that are given; divides q_mesh")


class Latent(Section):
    """Where real materials lie among synthetic ones."""

    neighbours: int = Field(5, ge=1, le=100, description="nearest synthetic materials to name")


class Coverage(Section):
    """Do the synthetic materials cover the real ones? Distributions, neighbours, outliers."""

    materials: int = Field(
        5000, ge=2, description="largest sample of synthetic materials whose maps are described"
    )
    models: int = Field(
        100, ge=2, description="of them, largest sample whose g(Re,Rp) is made again"
    )
    numbers: int = Field(
        4_000_000,
        ge=1,
        description="numbers g(Re,Rp) of one model held at once; larger models give a random share",
    )
    neighbours: int = Field(5, ge=1, le=100, description="nearest synthetic materials to name")


class Dispersions(Section):
    """Example materials of the report: bands, phonons and |g| along a path."""

    synthetic: int = Field(3, ge=1, le=20, description="synthetic materials to show")
    materials: list[Name] = Field(
        ["si_4", "mgo_4", "al_4"], description="real ones; shown if in firstprinciples.materials"
    )
    points: int = Field(200, ge=20, le=2000, description="points of the path")
    map_points: int = Field(
        60, ge=10, le=400, description="points of the path for k and for q, of the map of |g|"
    )


class Ablation(Section):
    """What a family is worth: the linear codec without it, on tuning materials."""

    materials: list[Name] = Field(
        ["si_4", "c_4", "alas_4", "sic_4", "al_4"],
        min_length=1,
        description="real materials that choices may be made on",
    )
    budgets: list[Annotated[float, Field(gt=0, le=1)]] = Field(
        [0.0002, 0.001, 0.002],
        min_length=1,
        description="stored bits / (32 x numbers in the full grid)",
    )
    draws: int = Field(5, ge=2, le=100, description="random removals of equal size, for error bars")
    steps: int = Field(
        600, ge=1, description="optimiser steps of the networks that are compared with each other"
    )


class Metal(Section):
    """What lambda of a metal needs beside its model."""

    electrons: float = Field(gt=0, description="per cell, in the bands of the model, both spins")
    literature: tuple[Positive, Positive] | None = Field(
        None, description="range of published lambda, drawn beside the result"
    )


class Observables(Section):
    """Physics checks of real materials: dispersions, small q, lambda and T_c of metals."""

    metals: dict[Name, Metal] = Field(
        {
            "al_4": Metal(electrons=3, literature=(0.42, 0.45)),
            "al_6": Metal(electrons=3, literature=(0.42, 0.45)),
            "pb_4": Metal(electrons=4, literature=(1.1, 1.6)),
        },
        description="which materials are metals, with electrons per cell and published lambda",
    )
    density_mesh: Mesh = Field(
        (64, 64, 64), description="k mesh of Fermi level and density of states (tetrahedra)"
    )
    meshes: list[tuple[Mesh, Mesh]] = Field(
        [((16, 16, 16), (8, 8, 8)), ((24, 24, 24), (12, 12, 12)), ((32, 32, 32), (16, 16, 16))],
        min_length=1,
        description="k and q meshes of lambda, the last pair is the result",
    )
    broadenings: list[Positive] = Field(
        [0.1, 0.2, 0.3], min_length=1, description="eV; of the deltas at the Fermi level"
    )
    broadening: float = Field(0.2, gt=0, description="eV; the one of broadenings to report")
    phonon_broadening: float = Field(0.5, gt=0, le=10, description="meV; of alpha2F")
    repulsions: list[Fraction] = Field(
        [0.1, 0.12, 0.14], min_length=1, description="Coulomb pseudopotentials mu* of T_c"
    )
    soft_mode: float = Field(
        0.1, gt=0, le=50, description="meV; softer modes do not count (acoustic at q = 0)"
    )
    path_points: int = Field(300, ge=20, le=10_000, description="points of the dispersions")
    acoustic_window: tuple[Positive, Positive] = Field(
        (0.03, 0.1), description="1/angstrom; |q| from which exponents of |g|^2 are taken"
    )

    @model_validator(mode="after")
    def _the_result_is_computed(self):
        if self.broadening not in self.broadenings:
            raise ValueError(
                f"broadening = {self.broadening} must be one of broadenings {self.broadenings}"
            )
        return self

    @model_validator(mode="after")
    def _meshes_divide(self):
        for k_mesh, q_mesh in self.meshes:
            if any(nk % nq for nk, nq in zip(k_mesh, q_mesh, strict=True)):
                raise ValueError(f"q mesh {q_mesh} of meshes must divide its k mesh {k_mesh}")
        return self


class Modelcodec(Section):
    """Bits of g of real-space models at equal error: `models_all`, outside the campaign."""

    materials: list[Name] = Field(
        [
            *("si_4", "si_4b8", "c_4", "ge_3", "sic_4", "sic_2h_4", "bp_4", "alp_4", "alas_4"),
            *("alsb_4", "gap_4", "mgo_4", "nacl_3", "mg2si_4", "al_4", "pb_4"),
        ],
        description="names of model files",
    )
    errors: list[Annotated[float, Field(gt=1e-4, lt=1)]] = Field(
        [0.02, 0.05, 0.1], min_length=1, description="of complex g on the coarse meshes, relative"
    )
    templates: bool = Field(
        True, description="also with what synthetic materials on the same crystal tell"
    )


class Refinement(Section):
    """Refinement in q of real-space models beside DFPT: `models_all`, outside the campaign."""

    materials: list[Name] = Field(
        [
            *("si_4", "si_4b8", "c_4", "sic_4", "sic_2h_4", "bp_4", "alp_4", "alas_4"),
            *("alsb_4", "gap_4", "mgo_4", "mg2si_4", "al_4", "pb_4"),
        ],
        description="names of model files, whose q mesh a coarser one divides",
    )
    path_points: int = Field(120, ge=20, le=10_000, description="points of the path of q")
    cost_exponent: float = Field(
        0.99,
        gt=0,
        le=3,
        description="where a coarse mesh was not run its DFPT takes the time of the fine one times "
        "(share of q)^this; 2x2x2 of Si, C, AlAs, SiC, Al: 0.87 to 1.14",
    )


class Report(Section):
    """One HTML page and metrics.json."""

    title: str = Field("ephforge campaign", min_length=1, description="heading of the page")


class Config(Section):
    """All sections, in the order of the flow."""

    campaign: Campaign = Campaign()
    lattice: Lattice = Lattice()
    coupling: Coupling = Coupling()
    espresso: Espresso = Espresso()
    firstprinciples: Firstprinciples = Firstprinciples()
    dataset: Dataset = Dataset()
    train: Train = Train()
    compress: Compress = Compress()
    classify: Classify = Classify()
    superresolve: Superresolve = Superresolve()
    latent: Latent = Latent()
    coverage: Coverage = Coverage()
    dispersions: Dispersions = Dispersions()
    ablation: Ablation = Ablation()
    observables: Observables = Observables()
    modelcodec: Modelcodec = Modelcodec()
    refinement: Refinement = Refinement()
    report: Report = Report()

    @model_validator(mode="after")
    def _computed_materials_stand_in_the_table(self):
        wanted = self.firstprinciples
        unknown = sorted(set(wanted.materials) - set(self.espresso.materials))
        if wanted.source == "computed" and unknown:
            raise ValueError(
                f"firstprinciples.materials {unknown} are not in espresso.materials, which "
                "source 'computed' needs"
            )
        return self

    @model_validator(mode="after")
    def _coarse_mesh_divides_the_mesh(self):
        fine, coarse = self.coupling.q_mesh, self.superresolve.coarse_q_mesh
        if any(f % c for f, c in zip(fine, coarse, strict=True)):
            raise ValueError(f"superresolve.coarse_q_mesh {coarse} must divide q_mesh {fine}")
        return self


def validate(values: dict, source: str = "config") -> Config:
    """Check a mapping of sections.

    Raises:
      ConfigError: one line that names each wrong key, its value and what is allowed.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        told = "; ".join(_explain(e) for e in error.errors())
        raise ConfigError(f"{source}: {' '.join(told.split())}") from None


def load(path: str | Path) -> Config:
    """Read and check a YAML file.

    Raises:
      ConfigError: the file is absent, not YAML, or holds a wrong key or value.
    """
    try:
        values = yaml.safe_load(Path(path).read_text())
        values = {} if values is None else values
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not a text file, expected YAML in UTF-8") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of sections, found {values!r}")
    return validate(values, str(path))


def _explain(error: dict) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown key '{key}'; allowed here: {', '.join(_keys(error['loc'][:-1]))}"
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "value_error":  # several keys at odds: the message names them
        return f"{key}: {message}" if key else message
    return f"{key} = {error['input']!r}: {message}"


def _keys(place: tuple) -> list[str]:
    """Keys that are allowed at a place, such as train or espresso.materials.si_2."""
    section = Config
    for part in place:
        fields = getattr(section, "model_fields", {})
        if part in fields:
            section = fields[part].annotation
        else:  # an entry of a table such as espresso.materials is of the kind its table holds
            section = next((a for a in get_args(section) if hasattr(a, "model_fields")), section)
    return list(getattr(section, "model_fields", ()))


def default_yaml() -> str:
    """The text of config.yaml: every default with its description, in the order of the flow."""
    lines = [
        "# The default campaign: one section per stage, in the order of the flow.",
        "# Generated from src/ephforge/config.py (`make config`); edit freely for your own runs,",
        "# or keep changes in a file of their own: snakemake --configfile my.yaml",
    ]
    for name, field in Config.model_fields.items():
        section = field.annotation
        lines += ["", f"# {' '.join(section.__doc__.split())}", f"{name}:"]
        values = section().model_dump(mode="json")
        for key, option in section.model_fields.items():
            value = yaml.safe_dump(values[key], default_flow_style=True, width=1000)
            value = value.removesuffix("...\n").strip()
            lines += [f"  # {option.description}", f"  {key}: {value}"]
    return "\n".join(lines) + "\n"


def schema_json() -> str:
    """The text of config/schema.json, for editors that complete and check YAML."""
    return json.dumps(Config.model_json_schema(), indent=1) + "\n"


if __name__ == "__main__":
    Path("config.yaml").write_text(default_yaml())
    Path("config/schema.json").write_text(schema_json())
