"""The structure types that materials are drawn from: one row of numbers each.

Space group, centring, conventional lattice (a, b, c, alpha, beta, gamma), sites (species, x,
y, z) of one primitive cell, formal charges of the species, potentials.  Free coordinates and
ratios are near those of the mineral or alloy that the type is named after; relaxing changes
them.
"""

from ephforge.lattice.prototypes import Prototype, from_conventional

_A, _B, _C = 0, 1, 2  # species
_CUBIC = (1, 1, 1, 90, 90, 90)
_VACUUM = 4.0  # height of the cell of a layer / a

_METAL = ("emt", "rgl", "lennard_jones", "morse", "eam")
_PAIR = ("lennard_jones", "morse")
_ALLOY = ("emt", "rgl", "lennard_jones", "morse")
_NET = ("stillinger_weber", "tersoff", "brenner", "keating")


def _hexagonal(ratio: float) -> tuple[float | int, ...]:
    return (1, 1, ratio, 90, 90, 120)


def _right(b: float | int, c: float) -> tuple[float | int, ...]:
    return (1, b, c, 90, 90, 90)


_CUBIC_TYPES = {
    "fcc": (225, "F", _CUBIC, ((_A, 0, 0, 0),), (0,), _METAL),
    "bcc": (229, "I", _CUBIC, ((_A, 0, 0, 0),), (0,), ("emt", "rgl", "morse", "eam")),
    "simple_cubic": (221, "P", _CUBIC, ((_A, 0, 0, 0),), (0,), ("keating",)),
    "diamond": (227, "F", _CUBIC, ((_A, 0, 0, 0), (_A, 0.25, 0.25, 0.25)), (0,), _NET),
    "zincblende": (
        216, "F", _CUBIC, ((_A, 0, 0, 0), (_B, 0.25, 0.25, 0.25)), (2, -2),
        (*_PAIR, "brenner", "stillinger_weber", "tersoff", "keating", "ionic"),
    ),
    "rocksalt": (
        225, "F", _CUBIC, ((_A, 0, 0, 0), (_B, 0.5, 0.5, 0.5)), (1, -1),
        (*_PAIR, "ionic", "keating"),
    ),
    "cscl": (
        221, "P", _CUBIC, ((_A, 0, 0, 0), (_B, 0.5, 0.5, 0.5)), (1, -1), (*_ALLOY, "ionic", "eam"),
    ),
    "fluorite": (
        225, "F", _CUBIC, ((_A, 0, 0, 0), (_B, 0.25, 0.25, 0.25), (_B, 0.75, 0.75, 0.75)),
        (2, -1), (*_PAIR, "ionic", "keating"),
    ),
    "half_heusler": (
        216, "F", _CUBIC, ((_A, 0, 0, 0), (_B, 0.25, 0.25, 0.25), (_C, 0.5, 0.5, 0.5)),
        (1, -2, 1), (*_PAIR, "ionic", "keating"),
    ),
    "l1_2": (
        221, "P", _CUBIC, ((_A, 0, 0, 0), (_B, 0.5, 0.5, 0), (_B, 0.5, 0, 0.5), (_B, 0, 0.5, 0.5)),
        (0, 0), (*_ALLOY, "eam"),
    ),
    "reo3": (
        221, "P", _CUBIC, ((_A, 0, 0, 0), (_B, 0.5, 0, 0), (_B, 0, 0.5, 0), (_B, 0, 0, 0.5)),
        (3, -1), ("ionic", "keating"),
    ),
    "perovskite": (
        221, "P", _CUBIC,
        ((_A, 0, 0, 0), (_B, 0.5, 0.5, 0.5), (_C, 0.5, 0.5, 0), (_C, 0.5, 0, 0.5),
         (_C, 0, 0.5, 0.5)),
        (1, 2, -1), ("ionic", "keating"),
    ),
    "cristobalite": (
        227, "F", _CUBIC,
        ((_A, 0, 0, 0), (_A, 0.25, 0.25, 0.25), (_B, 0.125, 0.125, 0.125),
         (_B, 0.125, -0.125, -0.125), (_B, -0.125, 0.125, -0.125), (_B, -0.125, -0.125, 0.125)),
        (4, -2), ("silica", "keating"),
    ),
    "cuprite": (
        224, "P", _CUBIC,
        ((_A, 0, 0, 0), (_A, 0.5, 0.5, 0.5), (_B, 0.25, 0.25, 0.25), (_B, 0.25, 0.75, 0.75),
         (_B, 0.75, 0.25, 0.75), (_B, 0.75, 0.75, 0.25)),
        (-2, 1), ("ionic", "keating"),
    ),
}  # fmt: skip

_HEXAGONAL_TYPES = {
    "hcp": (
        194, "P", _hexagonal(1.633), ((_A, 1 / 3, 2 / 3, 0.25), (_A, 2 / 3, 1 / 3, 0.75)), (0,),
        _METAL,
    ),
    "dhcp": (
        194, "P", _hexagonal(3.266),
        ((_A, 0, 0, 0), (_A, 0, 0, 0.5), (_A, 1 / 3, 2 / 3, 0.25), (_A, 2 / 3, 1 / 3, 0.75)), (0,),
        _METAL,
    ),
    "simple_hexagonal": (191, "P", _hexagonal(0.95), ((_A, 0, 0, 0),), (0,), ("keating",)),
    "omega": (
        191, "P", _hexagonal(0.61), ((_A, 0, 0, 0), (_A, 1 / 3, 2 / 3, 0.5),
         (_A, 2 / 3, 1 / 3, 0.5)),
        (0,), ("morse", "keating"),
    ),
    "alb2": (
        191, "P", _hexagonal(1.08), ((_A, 0, 0, 0), (_B, 1 / 3, 2 / 3, 0.5),
         (_B, 2 / 3, 1 / 3, 0.5)),
        (0, 0), (*_ALLOY, "keating"),
    ),
    "wurtzite": (
        186, "P", _hexagonal(1.633),
        ((_A, 1 / 3, 2 / 3, 0), (_A, 2 / 3, 1 / 3, 0.5), (_B, 1 / 3, 2 / 3, 0.375),
         (_B, 2 / 3, 1 / 3, 0.875)),
        (2, -2), (*_PAIR, "brenner", "stillinger_weber", "tersoff", "keating", "ionic"),
    ),
    "lonsdaleite": (
        194, "P", _hexagonal(1.633),
        ((_A, 1 / 3, 2 / 3, 0.0625), (_A, 2 / 3, 1 / 3, 0.5625), (_A, 2 / 3, 1 / 3, -0.0625),
         (_A, 1 / 3, 2 / 3, 0.4375)),
        (0,), _NET,
    ),
    "nias": (
        194, "P", _hexagonal(1.5),
        ((_A, 0, 0, 0), (_A, 0, 0, 0.5), (_B, 1 / 3, 2 / 3, 0.25), (_B, 2 / 3, 1 / 3, 0.75)),
        (1, -1), (*_PAIR, "ionic", "keating"),
    ),
    "wc": (
        187, "P", _hexagonal(0.976), ((_A, 0, 0, 0), (_B, 1 / 3, 2 / 3, 0.5)), (1, -1),
        (*_ALLOY, "ionic", "keating"),
    ),
}  # fmt: skip

_TETRAGONAL_TYPES = {
    "l1_0": (
        123, "P", _right(1, 2**0.5), ((_A, 0, 0, 0), (_B, 0.5, 0.5, 0.5)), (0, 0), (*_ALLOY, "eam"),
    ),
    "beta_tin": (
        141, "I", _right(1, 0.546), ((_A, 0, 0, 0), (_A, 0, 0.5, 0.25)), (0,), _NET,
    ),
    "litharge": (
        129, "P", _right(1, 1.26),
        ((_A, 0, 0, 0), (_A, 0.5, 0.5, 0), (_B, 0, 0.5, 0.237), (_B, 0.5, 0, -0.237)),
        (-2, 2), (*_PAIR, "ionic", "keating"),
    ),
    "c11_b": (
        139, "I", _right(1, 2.45), ((_A, 0, 0, 0), (_B, 0, 0, 1 / 3), (_B, 0, 0, -1 / 3)), (0, 0),
        (*_ALLOY, "keating"),
    ),
    "d0_22": (
        139, "I", _right(1, 2.0),
        ((_A, 0, 0, 0), (_B, 0, 0, 0.5), (_B, 0, 0.5, 0.25), (_B, 0.5, 0, 0.25)), (0, 0), _ALLOY,
    ),
    "b11": (
        129, "P", _right(1, 1.89),
        ((_A, 0, 0.5, 0.1), (_A, 0.5, 0, -0.1), (_B, 0, 0.5, 0.65), (_B, 0.5, 0, 0.35)), (0, 0),
        (*_ALLOY, "keating"),
    ),
    "rutile": (
        136, "P", _right(1, 0.644),
        ((_A, 0, 0, 0), (_A, 0.5, 0.5, 0.5), (_B, 0.305, 0.305, 0), (_B, -0.305, -0.305, 0),
         (_B, 0.805, 0.195, 0.5), (_B, 0.195, 0.805, 0.5)),
        (2, -1), ("ionic", "keating"),
    ),
    "anatase": (
        141, "I", _right(1, 2.51),
        ((_A, 0, 0, 0), (_A, 0, 0.5, 0.25), (_B, 0, 0, 0.208), (_B, 0, 0, -0.208),
         (_B, 0, 0.5, 0.458), (_B, 0, 0.5, 0.042)),
        (2, -1), ("ionic", "keating"),
    ),
}  # fmt: skip

_TRIGONAL_TYPES = {
    "rhombohedral": (166, "R", _hexagonal(1.94), ((_A, 0, 0, 0),), (0,), ("morse", "keating")),
    "a7": (
        166, "R", _hexagonal(2.7), ((_A, 0, 0, 0.23), (_A, 0, 0, -0.23)), (0,),
        ("tersoff", "keating"),
    ),
    "cdi2": (
        164, "P", _hexagonal(1.6), ((_A, 0, 0, 0), (_B, 1 / 3, 2 / 3, 0.25),
         (_B, 2 / 3, 1 / 3, -0.25)),
        (2, -1), (*_PAIR, "ionic", "keating"),
    ),
    "selenium": (
        152, "P", _hexagonal(1.135),
        ((_A, 0.225, 0, 1 / 3), (_A, 0, 0.225, 2 / 3), (_A, -0.225, -0.225, 0)), (0,), ("keating",),
    ),
    "l1_1": (
        166, "R", _hexagonal(4.899), ((_A, 0, 0, 0), (_B, 0, 0, 0.5)), (0, 0), (*_ALLOY, "eam"),
    ),
    "delafossite": (
        166, "R", _hexagonal(5.2), ((_A, 0, 0, 0), (_B, 0, 0, 0.5), (_C, 0, 0, 0.24),
         (_C, 0, 0, -0.24)),
        (1, 1, -1), ("ionic", "keating"),
    ),
}  # fmt: skip

_ORTHORHOMBIC_TYPES = {
    "alpha_uranium": (
        63, "C", _right(2.056, 1.736), ((_A, 0, 0.1025, 0.25), (_A, 0, -0.1025, 0.75)), (0,),
        ("morse", "keating"),
    ),
    "b33": (
        63, "C", _right(2.64, 0.99),
        ((_A, 0, 0.146, 0.25), (_A, 0, -0.146, 0.75), (_B, 0, 0.44, 0.25), (_B, 0, -0.44, 0.75)),
        (1, -1), (*_ALLOY, "ionic", "keating"),
    ),
    "black_phosphorus": (
        64, "C", _right(3.0, 1.32),
        ((_A, 0, 0.102, 0.081), (_A, 0, 0.398, 0.581), (_A, 0, 0.602, 0.419),
         (_A, 0, -0.102, -0.081)),
        (0,), ("tersoff", "keating"),
    ),
    "alpha_gallium": (
        64, "C", _right(1.695, 1.002),
        ((_A, 0, 0.155, 0.081), (_A, 0, 0.345, 0.581), (_A, 0, 0.655, 0.419),
         (_A, 0, -0.155, -0.081)),
        (0,), ("keating",),
    ),
    "b19": (
        51, "P", _right(0.662, 1.021),
        ((_A, 0.25, 0, 0.812), (_A, 0.75, 0, 0.188), (_B, 0.25, 0.5, 0.313),
         (_B, 0.75, 0.5, 0.687)),
        (0, 0), (*_ALLOY, "eam"),
    ),
    "mopt2": (
        71, "I", _right(3.0, 1.414), ((_A, 0, 0, 0), (_B, 0, 1 / 3, 0), (_B, 0, -1 / 3, 0)), (0, 0),
        _ALLOY,
    ),
    "marcasite": (
        58, "P", _right(1.22, 0.763),
        ((_A, 0, 0, 0), (_A, 0.5, 0.5, 0.5), (_B, 0.2, 0.378, 0), (_B, -0.2, -0.378, 0),
         (_B, 0.3, 0.878, 0.5), (_B, 0.7, 0.122, 0.5)),
        (2, -1), ("ionic", "keating"),
    ),
}  # fmt: skip

_MONOCLINIC_TYPES = {
    "b19_prime": (
        11, "P", (1, 1.42, 1.60, 90, 97.8, 90),
        ((_A, 0.418, 0.25, 0.216), (_A, 0.582, 0.75, 0.784), (_B, 0.037, 0.25, 0.675),
         (_B, -0.037, 0.75, 0.325)),
        (0, 0), (*_ALLOY, "keating"),
    ),
    "tenorite": (
        15, "C", (1, 0.731, 1.095, 90, 99.5, 90),
        ((_A, 0.25, 0.25, 0), (_A, 0.75, 0.25, 0.5), (_B, 0, 0.418, 0.25), (_B, 0, -0.418, 0.75)),
        (2, -2), ("ionic", "keating"),
    ),
    "calaverite": (
        12, "C", (1, 0.612, 0.705, 90, 92, 90),
        ((_A, 0, 0, 0), (_B, 0.689, 0, 0.289), (_B, -0.689, 0, -0.289)), (2, -1),
        ("ionic", "keating"),
    ),
    "monoclinic_simple": (10, "P", (1, 1.1, 0.95, 90, 97, 90), ((_A, 0, 0, 0),), (0,),
     ("keating",)),
}  # fmt: skip

_TRICLINIC_TYPES = {
    "californium": (
        2, "P", (1, 2.241, 0.845, 89.1, 85.2, 85.7),
        ((_A, 0, 0, 0), (_A, 0, 0.5, 0), (_A, 0.57, 0.26, 0.43), (_A, -0.57, -0.26, -0.43)), (0,),
        ("keating",),
    ),
    "triclinic_simple": (
        2, "P", (1, 1.05, 1.1, 84, 96, 82), ((_A, 0, 0, 0),), (0,), ("keating",),
    ),
    "triclinic_pair": (
        1, "P", (1, 1.05, 0.95, 85, 94, 88), ((_A, 0, 0, 0), (_B, 0.47, 0.52, 0.53),
         (_C, 0.5, 0.03, 0.02)),
        (1, -2, 1), ("keating",),
    ),
}  # fmt: skip

_LAYERS = {
    "triangular_layer": (
        191, "P", _hexagonal(_VACUUM), ((_A, 0, 0, 0.5),), (0,), _METAL,
    ),
    "square_layer": (
        123, "P", _right(1, _VACUUM), ((_A, 0, 0, 0.5), (_B, 0.5, 0.5, 0.5)), (1, -1), _PAIR,
    ),
    "honeycomb_layer": (
        191, "P", _hexagonal(_VACUUM), ((_A, 1 / 3, 2 / 3, 0.5), (_A, 2 / 3, 1 / 3, 0.5)), (0,),
        ("tersoff", "keating"),
    ),
    "binary_honeycomb_layer": (
        187, "P", _hexagonal(_VACUUM), ((_A, 1 / 3, 2 / 3, 0.5), (_B, 2 / 3, 1 / 3, 0.5)), (0, 0),
        (*_PAIR, "tersoff", "keating"),
    ),
    "buckled_layer": (
        164, "P", _hexagonal(_VACUUM), ((_A, 1 / 3, 2 / 3, 0.53), (_A, 2 / 3, 1 / 3, 0.47)), (0,),
        ("stillinger_weber", "tersoff", "keating"),
    ),
    "mos2_layer": (
        187, "P", _hexagonal(_VACUUM),
        ((_A, 1 / 3, 2 / 3, 0.5), (_B, 2 / 3, 1 / 3, 0.6225), (_B, 2 / 3, 1 / 3, 0.3775)), (0, 0),
        (*_PAIR, "keating"),
    ),
    "cdi2_layer": (
        164, "P", _hexagonal(_VACUUM),
        ((_A, 0, 0, 0.5), (_B, 1 / 3, 2 / 3, 0.6), (_B, 2 / 3, 1 / 3, 0.4)), (0, 0),
        (*_PAIR, "keating"),
    ),
    "distorted_cdi2_layer": (
        11, "P", _right(1.8, _VACUUM),
        ((_A, 0, 0.03, 0.49), (_A, 0.5, 0.47, 0.51), (_B, 0, 0.33, 0.61), (_B, 0.5, 0.84, 0.58),
         (_B, 0, 0.66, 0.42), (_B, 0.5, 0.17, 0.39)),
        (0, 0), ("keating",),
    ),
}  # fmt: skip

PROTOTYPES: dict[str, Prototype] = {
    name: from_conventional(name, *row)
    for table in (
        _CUBIC_TYPES, _HEXAGONAL_TYPES, _TETRAGONAL_TYPES, _TRIGONAL_TYPES, _ORTHORHOMBIC_TYPES,
        _MONOCLINIC_TYPES, _TRICLINIC_TYPES,
    )
    for name, row in table.items()
} | {name: from_conventional(name, *row, True) for name, row in _LAYERS.items()}  # fmt: skip
