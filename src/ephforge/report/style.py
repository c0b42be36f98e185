"""Colours and names, the same in every figure and table; safe for colour-blind readers."""

import matplotlib

matplotlib.use("Agg")

# Okabe and Ito's palette; the autoencoder alone is vermilion
COLOURS = {
    "autoencoder": "#D55E00",
    "linear": "#7A4A2B",
    "svd": "#999999",
    "svd_irreducible_q": "#56B4E9",
    "svd_joint": "#0072B2",
    "fft": "#CC79A7",
    "tucker": "#8C6D31",
    "orbits": "#009E73",
    "sz3": "#6A3D9A",
    "zfp": "#B2A0D0",
    "pca": "#E69F00",
    "pca_joint": "#000000",
    "pca_distinct": "#5A5A5A",
    "trilinear": "#56B4E9",
    "cubic": "#0072B2",
    "fourier": "#CC79A7",
    "regression": "#009E73",
    "latent": "#D55E00",
    "handmade": "#009E73",
    "chance": "#999999",
}
# a real material inside of what synthetic ones have, and outside of it
IN_RANGE, OUT_OF_RANGE = "#0072B2", "#D55E00"
MARKERS = {
    "autoencoder": "o",
    "linear": "h",
    "svd": "v",
    "svd_irreducible_q": "^",
    "svd_joint": "s",
    "fft": "D",
    "tucker": "p",
    "orbits": "P",
    "sz3": "<",
    "zfp": ">",
    "pca": "X",
    "pca_joint": "*",
    "pca_distinct": "d",
}
NAMES = {
    "autoencoder": "autoencoder",
    "linear": "autoencoder, linear part only",
    "svd": "SVD, per matrix",
    "svd_irreducible_q": "SVD, k by irreducible q",
    "svd_joint": "SVD, channels by orbits",
    "fft": "Fourier stars",
    "tucker": "Tucker",
    "orbits": "symmetry orbits",
    "sz3": "SZ3",
    "zfp": "ZFP",
    "pca": "PCA, single maps",
    "pca_joint": "PCA, whole blocks",
    "pca_distinct": "PCA, then different numbers",
    "trilinear": "trilinear",
    "cubic": "cubic",
    "fourier": "Fourier",
    "regression": "linear regression",
    "latent": "encoder's features",
    "handmade": "hand-made features",
    "chance": "guessing by frequency",
    "synthetic_test": "synthetic test",
}
FORMULAS = {
    "si": "Si",
    "c": "diamond",
    "alas": "AlAs",
    "sic": "SiC",
    "al": "Al",
    "ge": "Ge",
    "bp": "BP",
    "alp": "AlP",
    "alsb": "AlSb",
    "gap": "GaP",
    "mgo": "MgO",
    "nacl": "NaCl",
    "mg2si": "Mg2Si",
    "pb": "Pb",
}
# prototype -> colour and marker in the latent plane
_POINT_COLOURS = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "#8C6D31", "#999999",
)  # fmt: skip
_POINT_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")


def points_of(prototypes: list[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each prototype; neighbours in the alphabet differ in both."""
    count = len(_POINT_COLOURS)
    return {
        prototype: (_POINT_COLOURS[i % count], _POINT_MARKERS[(i + i // count) % count])
        for i, prototype in enumerate(sorted(set(prototypes)))
    }


matplotlib.rcParams.update(
    {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e6e6e6",
        "grid.linewidth": 0.6,
        "axes.axisbelow": True,
        "legend.frameon": False,
        "legend.fontsize": 8,
        "figure.constrained_layout.use": True,
        "savefig.dpi": 130,
        "lines.linewidth": 1.4,
        "lines.markersize": 4.5,
    }
)


def name(key: str) -> str:
    """What a method or a material is called in print: "si_4" is "Si (si_4)"."""
    formula = FORMULAS.get(key.split("_")[0])
    return NAMES.get(key) or (f"{formula} ({key})" if formula else key)
