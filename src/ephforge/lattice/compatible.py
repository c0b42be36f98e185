"""Which potentials hold which structure types.

A pair is listed if about one draw of three, or more, gave an accepted material, pressure included;
the others would only waste draws.
"""

HELD = {
    "emt": (
        "fcc", "hcp", "dhcp", "l1_2", "l1_0", "l1_1", "d0_22", "mopt2", "triangular_layer",
        "cscl", "b19", "b11", "honeycomb_layer", "binary_honeycomb_layer",
    ),
    "emt2013": (
        "fcc", "hcp", "dhcp", "l1_2", "l1_0", "l1_1", "d0_22", "mopt2", "triangular_layer",
        "cscl", "b19",
    ),
    "emt_rasmussen": (
        "fcc", "hcp", "dhcp", "l1_2", "l1_0", "l1_1", "d0_22", "mopt2", "triangular_layer",
        "cscl", "b19", "b11", "honeycomb_layer", "binary_honeycomb_layer",
    ),
    "emt_glass": (
        "fcc", "bcc", "hcp", "dhcp", "l1_2", "d0_22", "triangular_layer", "cscl", "b11",
        "honeycomb_layer", "binary_honeycomb_layer",
    ),
    "rgl": (
        "fcc", "hcp", "dhcp", "l1_2", "l1_0", "l1_1", "d0_22", "mopt2", "triangular_layer",
        "bcc", "b19", "c11_b", "half_heusler", "honeycomb_layer", "binary_honeycomb_layer",
    ),
    "eam": (
        "fcc", "l1_2", "hcp", "dhcp", "l1_0", "d0_22", "l1_1", "b19", "mopt2",
        "triangular_layer", "honeycomb_layer", "binary_honeycomb_layer",
    ),
    "lennard_jones": (
        "fcc", "hcp", "dhcp", "l1_2", "l1_0", "l1_1", "d0_22", "mopt2", "triangular_layer",
        "cscl", "zincblende", "rocksalt", "fluorite", "half_heusler", "perovskite", "cuprite",
        "alb2", "wurtzite", "wc", "c11_b", "cdi2", "delafossite", "b33", "b19", "square_layer",
        "honeycomb_layer", "binary_honeycomb_layer", "mos2_layer", "cdi2_layer",
        "distorted_cdi2_layer",
    ),
    "morse": (
        "fcc", "hcp", "dhcp", "l1_2", "l1_0", "l1_1", "d0_22", "mopt2", "triangular_layer",
        "cscl", "bcc", "rocksalt", "fluorite", "half_heusler", "perovskite", "cuprite", "wc",
        "c11_b", "cdi2", "delafossite", "b33", "square_layer", "honeycomb_layer",
        "binary_honeycomb_layer", "mos2_layer", "cdi2_layer",
    ),
    "brenner": (
        "diamond", "zincblende", "lonsdaleite", "wurtzite", "beta_tin", "simple_cubic",
        "binary_honeycomb_layer",
    ),
    "stillinger_weber": (
        "diamond", "zincblende", "wurtzite", "lonsdaleite", "black_phosphorus", "square_layer",
        "buckled_layer", "mos2_layer", "cdi2_layer",
    ),
    "tersoff": (
        "fcc", "bcc", "simple_cubic", "diamond", "zincblende", "rocksalt", "cscl", "fluorite",
        "half_heusler", "l1_2", "dhcp", "simple_hexagonal", "wurtzite", "lonsdaleite", "nias",
        "wc", "beta_tin", "c11_b", "d0_22", "delafossite", "b33", "alpha_gallium", "marcasite",
        "calaverite", "honeycomb_layer", "binary_honeycomb_layer", "cdi2_layer",
    ),
    "keating": (
        "simple_cubic", "diamond", "zincblende", "rocksalt", "fluorite", "half_heusler", "reo3",
        "perovskite", "cristobalite", "cuprite", "simple_hexagonal", "omega", "alb2",
        "wurtzite", "lonsdaleite", "nias", "wc", "beta_tin", "litharge", "c11_b", "b11",
        "rutile", "anatase", "rhombohedral", "a7", "cdi2", "selenium", "delafossite",
        "alpha_uranium", "b33", "black_phosphorus", "alpha_gallium", "b19", "marcasite",
        "b19_prime", "tenorite", "calaverite", "monoclinic_simple", "californium",
        "triclinic_simple", "triclinic_pair", "honeycomb_layer", "binary_honeycomb_layer",
        "buckled_layer", "mos2_layer", "cdi2_layer", "distorted_cdi2_layer",
    ),
    "polar": (
        "zincblende", "rocksalt", "cscl", "fluorite", "half_heusler", "reo3", "perovskite",
        "cristobalite", "cuprite", "wurtzite", "nias", "wc", "litharge", "rutile", "anatase",
        "cdi2", "delafossite", "b33", "marcasite", "tenorite", "calaverite", "square_layer",
        "binary_honeycomb_layer", "mos2_layer", "cdi2_layer", "distorted_cdi2_layer",
    ),
    "ionic": (
        "zincblende", "rocksalt", "cscl", "fluorite", "half_heusler", "reo3", "perovskite",
        "cristobalite", "wurtzite", "nias", "wc", "rutile", "anatase", "delafossite", "b33",
        "square_layer",
    ),
}  # fmt: skip
