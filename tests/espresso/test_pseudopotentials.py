"""Converted pseudopotentials against closed forms, the files' own numbers and each other."""

import math
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from ephforge.core.errors import EphforgeError
from ephforge.espresso.pseudopotentials import prepare

ABINIT = "/usr/share/abinit/psp"
ESPRESSO = "/usr/share/espresso/pseudo"
DOJO = "Pseudodojo_nc_sr_04_pw_standard_psp8"
GROWTH = 1.03  # ratio of neighbouring radii of the fhi file made here


class Upf(NamedTuple):
    """What pw.x reads, as an XML parser sees it."""

    header: dict
    radius: np.ndarray
    step: np.ndarray
    local: np.ndarray
    projectors: list  # (angular momentum, values, number of points used)
    strengths: np.ndarray
    orbitals: list
    density: np.ndarray
    core: np.ndarray | None


def numbers(element) -> np.ndarray:
    values = np.array(element.text.split(), float)
    assert len(values) == int(element.attrib["size"])
    return values


def read_upf(path) -> Upf:
    root = ElementTree.parse(path).getroot()
    header = root.find("PP_HEADER").attrib
    betas = root.findall("PP_NONLOCAL/")[:-1]
    projectors = [
        (int(b.attrib["angular_momentum"]), numbers(b), int(b.attrib["cutoff_radius_index"]))
        for b in betas
    ]
    core = root.find("PP_NLCC")
    return Upf(
        header,
        numbers(root.find("PP_MESH/PP_R")),
        numbers(root.find("PP_MESH/PP_RAB")),
        numbers(root.find("PP_LOCAL")),
        projectors,
        numbers(root.find("PP_NONLOCAL/PP_DIJ")).reshape(len(betas), len(betas)),
        [numbers(chi) for chi in root.find("PP_PSWFC")],
        numbers(root.find("PP_RHOATOM")),
        None if core is None else numbers(core),
    )


def debian(file: str) -> str:
    for folder in (ABINIT, ESPRESSO):
        if (Path(folder) / file).exists():
            return folder
    pytest.skip(f"{file} is not installed")


def converted(tmp_path, file, element, folder=None, local=None, largest=None) -> Upf:
    target = tmp_path / "x.UPF"
    prepare(file, element, [str(folder or debian(file))], local, largest, target)
    return read_upf(target)


# ---- files made here: the functions are known in closed form ----

FHI_HEADER = """made by a test
 14.0 4.0 20261122 zatom,zion,pspdat
 6 7 2 1 {n} 0 pspcod,pspxc,lmax,lloc,mmax,r2well
 {charge} rchrg,fchrg,qchrg
5
6
7
4.0 3
"""


def wave(ell, r):
    """Normalised r^(l+1) exp(-r): the integral of r^(2l+2) exp(-2r) is (2l+2)!/2^(2l+3)."""
    return r ** (ell + 1) * np.exp(-r) * math.sqrt(2 ** (2 * ell + 3) / math.factorial(2 * ell + 2))


def potential(ell, r):
    """Hartree; the channels differ inside 2 bohr only."""
    inside = np.where(r < 2, (1 - (r / 2) ** 2) ** 3, 0)
    return -4 * np.array([math.erf(x) for x in r]) / r + (0.3 - 0.9 * ell**2) * inside


def core(r):
    return 0.7 * np.exp(-3 * r**2)


@pytest.fixture
def fhi(tmp_path):
    r = 1e-4 * GROWTH ** np.arange(500)
    lines = FHI_HEADER.format(n=len(r), charge="1.0 1.0 0.0") + "0 0 0\n" * 10
    for ell in range(3):
        lines += f"{len(r)} {GROWTH}\n"
        # the last digits of real files are D exponents, and waves need not be normalised
        table = zip(r, 1.7 * wave(ell, r), potential(ell, r), strict=True)
        for i, row in enumerate(table, 1):
            lines += f"{i} " + " ".join(f"{x:.14E}".replace("E", "D") for x in row) + "\n"
    for x in r:
        lines += f"{x:.14E} {4 * np.pi * core(x):.14E} 0.0 0.0\n"
    (tmp_path / "si.fhi").write_text(lines)
    return tmp_path


def test_projectors_act_on_the_waves_as_the_semilocal_potential(fhi, tmp_path):
    upf = converted(tmp_path, "si.fhi", "Si", fhi)
    assert [ell for ell, _, _ in upf.projectors] == [0, 2]
    r = upf.radius
    assert len(r) % 2 == 1
    np.testing.assert_allclose(upf.local, 2 * potential(1, r), rtol=1e-12)
    for number, (ell, beta, last) in enumerate(upf.projectors):
        difference = 2 * (potential(ell, r) - potential(1, r))
        overlap = np.trapezoid(beta[:last] * wave(ell, r[:last]), r[:last])
        acted = beta * upf.strengths[number, number] * overlap
        np.testing.assert_allclose(acted, difference * wave(ell, r), atol=2e-3)
        assert np.abs(difference * wave(ell, r)).max() > 0.1
    assert upf.strengths[0, 1] == 0


def test_the_atom_of_an_fhi_file(fhi, tmp_path):
    upf = converted(tmp_path, "si.fhi", "Si", fhi)
    np.testing.assert_allclose(np.trapezoid(upf.density, upf.radius), 4.0, rtol=1e-3)
    np.testing.assert_allclose(upf.core, core(upf.radius), rtol=1e-12, atol=1e-30)
    assert upf.header["core_correction"] == "T"
    expected = [wave(0, upf.radius), wave(1, upf.radius)]  # 3d is empty
    np.testing.assert_allclose(upf.orbitals, expected, atol=1e-3)


def test_channels_of_an_fhi_file_can_be_chosen(fhi, tmp_path):
    upf = converted(tmp_path, "si.fhi", "Si", fhi, local=2, largest=1)
    assert [ell for ell, _, _ in upf.projectors] == [0, 1]
    np.testing.assert_allclose(upf.local, 2 * potential(2, upf.radius), rtol=1e-12)
    assert upf.header["l_max"] == "1"
    with pytest.raises(EphforgeError, match=r"si\.fhi.*l = 3.*ends at l = 2"):
        converted(tmp_path, "si.fhi", "Si", fhi, local=3)


PSP8_HEADER = """made by a test
 14.0 4.0 20261122 zatom,zion,pspd
 8 -1012 1 4 {n} 0 pspcod,pspxc,lmax,lloc,mmax,r2well
 1.0 1.0 0.0 rchrg fchrg qchrg
 2 1 0 0 0 nproj
 {extension} 1 extension_switch
"""


def psp8_text(n=100, extension=1) -> tuple[str, np.ndarray]:
    r = 0.05 * np.arange(n)
    blocks = {
        "0 3.5 -0.25": (r * np.exp(-(r**2)), r**3 * np.exp(-(r**2))),
        "1 -1.5D+00": (r**2 * np.exp(-(r**2)),),
        "4": (-4 / (r + 1),),
    }
    text = PSP8_HEADER.format(n=n, extension=extension)
    for head, columns in blocks.items():
        text += head + "\n"
        for i, row in enumerate(zip(r, *columns, strict=True), 1):
            text += f"{i} " + " ".join(f"{x:.13E}".replace("E", "D") for x in row) + "\n"
    for column in (4 * np.pi * core(r), 2 * np.exp(-2 * r)):
        for i, row in enumerate(zip(r, column, strict=True), 1):
            text += f"{i} {row[0]:.13E} {row[1]:.13E} 0.0\n"
    return text, r


def test_psp8_keeps_its_projectors(tmp_path):
    text, r = psp8_text()
    (tmp_path / "si.psp8").write_text(text)
    upf = converted(tmp_path, "si.psp8", "Si", tmp_path)
    assert len(upf.radius) == 99  # an even number of points loses its last one
    r = r[:99]
    np.testing.assert_allclose(upf.strengths, np.diag([7.0, -0.5, -3.0]))
    expected = [r * np.exp(-(r**2)), r**3 * np.exp(-(r**2)), r**2 * np.exp(-(r**2))]
    assert [ell for ell, _, _ in upf.projectors] == [0, 0, 1]
    for (_, beta, last), function in zip(upf.projectors, expected, strict=True):
        np.testing.assert_allclose(beta, function, atol=1e-12)
        assert last % 2 == 1
        assert np.abs(beta[last:]).max(initial=0) < 1e-8
    np.testing.assert_allclose(upf.local, -8 / (r + 1), rtol=1e-12)
    np.testing.assert_allclose(upf.core, core(r), rtol=1e-12)
    # 4 pi r^2 rho of a density 2 exp(-2r)/4 pi holds 1/2 electron: scaled to the valence of 4
    np.testing.assert_allclose(upf.density, 16 * r**2 * np.exp(-2 * r), rtol=5e-3)


HGH = """made by a test
 14 4 010605 zatom,zion,pspdat
 3 1 1 0 2001 0 pspcod,pspxc,lmax,lloc,mmax,r2well
 0.44 -7.336103 0.5 0.0 0.0 rloc, c1, c2, c3, c4
 0.422738 5.906928 3.258196 0.0 rs, h11s, h22s, h33s
 0.484278 2.727013 0.0 0.0 rp, h11p, h22p, h33p
 0.000373 0.014437 0.0 k11p, k22p, k33p
"""


def test_hgh_against_its_closed_form(tmp_path):
    (tmp_path / "si.hgh").write_text(HGH)
    upf = converted(tmp_path, "si.hgh", "Si", tmp_path)
    r = upf.radius
    np.testing.assert_allclose(upf.local[r > 6], -8 / r[r > 6], rtol=1e-12)
    # r -> 0: erf(x/sqrt 2) -> x sqrt(2/pi), and only c1 is left of the polynomial
    origin = 2 * (-4 * math.sqrt(2 / math.pi) / 0.44 - 7.336103)
    np.testing.assert_allclose(upf.local[0], origin, rtol=1e-6)
    assert [ell for ell, _, _ in upf.projectors] == [0, 0, 1]
    for _, beta, _ in upf.projectors:
        np.testing.assert_allclose(np.trapezoid(beta**2, r), 1, rtol=1e-3)
    expected = 2 * np.array([[5.906928, 0, 0], [0, 3.258196, 0], [0, 0, 2.727013]])
    expected[0, 1] = expected[1, 0] = -1.26189397 * 2  # from the pspcod 10 file of Si
    np.testing.assert_allclose(upf.strengths, expected, atol=1e-5)
    assert upf.header["core_correction"] == "F"


@pytest.mark.parametrize("ell", [0, 1, 2])
def test_off_diagonal_strengths_follow_from_the_overlaps(tmp_path, ell):
    """h_in = c_i h_nn / 2, where p_n + sum_i c_i p_i is orthogonal to all p_i with i < n."""
    rows = HGH.replace(" 3 1 1", " 3 1 2").split("\n")[:4]
    for channel in range(3):
        rows.append("0.5 3.0 2.0 1.5 r" if channel == ell else "0.5 0.0 0.0 0.0 r")
        rows += ["0.0 0.0 0.0 k"] * (channel > 0)
    (tmp_path / "si.hgh").write_text("\n".join(rows) + "\n")
    upf = converted(tmp_path, "si.hgh", "Si", tmp_path)
    assert [found for found, _, _ in upf.projectors] == [ell] * 3
    betas = np.array([beta for _, beta, _ in upf.projectors])
    overlaps = np.trapezoid(betas[:, None] * betas[None], upf.radius)
    for n in (1, 2):
        mixture = np.linalg.solve(overlaps[:n, :n], -overlaps[:n, n])
        ratio = upf.strengths[:n, n] / upf.strengths[n, n]
        np.testing.assert_allclose(ratio, mixture / 2, rtol=5e-3)
    np.testing.assert_allclose(upf.strengths, upf.strengths.T)


# ---- Debian's files ----


def test_two_forms_of_the_same_silicon_agree(tmp_path):
    diagonal = converted(tmp_path, "14si.4.hgh", "Si")
    explicit = converted(tmp_path, "14Si_pade-q4", "Si")
    np.testing.assert_allclose(explicit.local, diagonal.local, rtol=1e-6)
    np.testing.assert_allclose(explicit.strengths, diagonal.strengths, atol=1e-5)
    for (_, one, _), (_, other, _) in zip(explicit.projectors, diagonal.projectors, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_an_explicit_file_with_an_empty_channel(tmp_path):
    upf = converted(tmp_path, "B-q3", "B")
    np.testing.assert_allclose(upf.strengths, np.diag([2 * 6.29728018, 0]))


def test_fhi_against_the_upf_file_that_its_author_made(tmp_path):
    """14-Si.nlcc exists in both formats; the UPF one is of version 1, without a root tag."""
    upf = converted(tmp_path, "14-Si.nlcc.fhi", "Si")
    text = (Path(ABINIT) / "14-Si.nlcc.UPF").read_text()

    def block(tag):
        return text.split(f"<{tag}>")[1].split(f"</{tag}>")[0].split()

    radius, core_density, local = (
        np.array(block(tag), float) for tag in ("PP_R", "PP_NLCC", "PP_LOCAL")
    )
    common = radius < upf.radius[-1]
    near = np.interp(radius[common], upf.radius, upf.core)
    np.testing.assert_allclose(near, core_density[common], atol=2e-4)
    near = np.interp(radius[common], upf.radius, upf.local)
    np.testing.assert_allclose(near, local[common], atol=2e-3)


def test_psp8_of_debian(tmp_path):
    upf = converted(tmp_path, f"{DOJO}/Si.psp8", "Si")
    # the first block of the file: 'l = 0, 5.56..., 0.856...', Hartree
    expected = [2 * 5.5659579770110, 2 * 0.85696624624846]
    np.testing.assert_allclose(np.diag(upf.strengths)[:2], expected, rtol=1e-13)
    np.testing.assert_allclose(np.trapezoid(upf.density, upf.radius), 4, rtol=1e-3)
    np.testing.assert_allclose(upf.local[-1], -8 / upf.radius[-1], rtol=1e-4)


def test_upf_is_copied_as_it_is_from_the_first_folder(tmp_path):
    folder = debian("Si.pz-vbc.UPF")
    other = tmp_path / "mine"
    other.mkdir()
    original = (Path(folder) / "Si.pz-vbc.UPF").read_bytes()
    (other / "Si.pz-vbc.UPF").write_bytes(original + b"\n")
    for folders, expected in (
        ([folder, str(other)], original),
        (["nowhere", str(other), folder], original + b"\n"),
    ):
        prepare("Si.pz-vbc.UPF", "Si", folders, None, None, tmp_path / "si.UPF")
        assert (tmp_path / "si.UPF").read_bytes() == expected
    assert not list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part"))


# ---- refusals ----

OLD = "<PP_INFO>\n</PP_INFO>\n<PP_HEADER>\n 0 Version Number\n {} Element\n {}\n</PP_HEADER>\n"
NEW = '<UPF version="2.0.1">\n<PP_HEADER element="{}" pseudo_type="{}"/>\n</UPF>\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (NEW.format("Ge", "NC"), "for Ge, not for Si"),
        (NEW.format("Si", "US"), "of type US.*norm-conserving"),
        (NEW.format(" Si", " PAW"), "of type PAW.*norm-conserving"),
        (OLD.format("Ge", "NC Norm - Conserving"), "for Ge, not for Si"),
        (OLD.format("Si", "US Ultrasoft pseudopotential"), "of type US"),
        ("<PP_INFO>\n</PP_INFO>\n", "header without element"),
        ("<?xml?><paw_dataset/>\n", "not a known format.*psp8"),
        ("one\n14 4\n17 x\n", "not a known format"),
        ("", "not a known format"),
        (HGH.replace(" 14 4", " 32 4"), "for atomic number 32, not for Si"),
        (HGH[:180], "truncated|cannot be read"),
        (psp8_text(extension=3)[0], "spin-orbit"),
        (psp8_text()[0][:4000], "incomplete|truncated"),
    ],
)
def test_a_wrong_file_is_refused_by_name(tmp_path, text, message):
    (tmp_path / "x.psp").write_text(text)
    with pytest.raises(EphforgeError, match=message) as error:
        prepare("x.psp", "Si", [str(tmp_path)], None, None, tmp_path / "out.UPF")
    assert "x.psp" in str(error.value)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.UPF").exists()


def test_an_absent_file_names_the_folders_and_the_packages(tmp_path):
    with pytest.raises(EphforgeError, match=r"Xx\.UPF.*/here, /there.*abinit-data"):
        prepare("Xx.UPF", "Si", ["/here", "/there"], None, None, tmp_path / "out.UPF")
