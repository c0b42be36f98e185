"""The jobs of one real material, in order; each checks its outcome before it hands it on.

    pseudopotential, structure -> scf -> phonon (one job per irreducible q)
                                   |  -> nscf -> wannier -> check
                                   |  -> bands                 -> model (stage.py)

A step is called by the rule of its name.  `text` is the input file that inputs.py wrote when
the workflow was read; what it leaves open is filled in here.
"""

import logging
import re
import shutil
from pathlib import Path

from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from ephforge.core.errors import EphforgeError
from ephforge.espresso import outputs
from ephforge.espresso.codes import deliver, fresh, run_code
from ephforge.espresso.inputs import k_list, point_list
from ephforge.espresso.pseudopotentials import prepare

log = logging.getLogger(__name__)

PATH_POINTS = 60  # k points of the band structure that the Wannier bands are compared with
DENSITY = ("charge-density.dat", "data-file-schema.xml")
BEGUN = "begun.in"  # what an unfinished phonon job was asked to do
WANNIER_FILES = ("crystal.fmt", "epwdata.fmt", "dmedata.fmt")
ABOVE_OCCUPIED = 0.05  # eV; EPW wants a Fermi energy above the highest occupied state
HOPELESS = 5.0  # meV; a mode more imaginary than this at one q stops the others early
# of which EPW 5.3 is part; refused here and not after all phonons
VERSIONS, SUPPORTED = r"Program PWSCF v\.6\.[67]", "Quantum ESPRESSO 6.6 or 6.7"
ACOUSTIC_MODES = 3  # at Gamma; EPW imposes the sum rule on them afterwards


def pseudopotential(upf: str, element: str, pseudo_folders: list[str], options: dict, **_) -> None:
    """Find or convert the pseudopotential of one element."""
    prepare(options["file"], element, pseudo_folders, options["local"], options["largest"], upf)


def structure(cards: str, material: str, text: str, options: dict, launcher: str, **files) -> None:
    """Cards ATOMIC_SPECIES, CELL_PARAMETERS and ATOMIC_POSITIONS, relaxed if so wanted.

    Args:
      options: cell (angstrom rows), atoms (element, fractional), species in order, relax.
      text: input of the relaxation; unused when options["relax"] is "none".
    """
    species = options["species"]
    atoms = Atoms(
        [a[0] for a in options["atoms"]],
        cell=options["cell"],
        scaled_positions=[a[1] for a in options["atoms"]],
        pbc=True,
    )
    target = Path(cards)
    if options["relax"] != "none":
        folder = fresh(_scratch(target, "relax"))
        (folder / "relax.in").write_text(text.replace("{structure}", _cards(atoms, species)))
        output = _run("pw.x", folder, "relax", material, launcher)
        _demand(output, "Final energy|Final enthalpy", f"{material}: relax: not converged")
        relaxed = outputs.read_structure(folder / f"{material}.save/data-file-schema.xml")
        atoms = Atoms(relaxed.symbols, cell=relaxed.cell, positions=relaxed.positions, pbc=True)
        shutil.rmtree(folder)
    partial = target.with_name(f".{target.name}.part")
    partial.write_text(_cards(atoms, species))
    deliver(partial, target)


def scf(cards: str, save: str, output: str, material: str, text: str, launcher: str, **_) -> None:
    """Self-consistent density."""
    folder = fresh(_scratch(cards, "scf"))
    (folder / "scf.in").write_text(text.replace("{structure}", Path(cards).read_text()))
    found = _run("pw.x", folder, "scf", material, launcher)
    _demand(found, "convergence has been achieved", f"{material}: scf: not self-consistent")
    _demand(
        found,
        VERSIONS,
        f"{material}: scf: made by {outputs.version(found)}, expected {SUPPORTED}, since files of "
        "the EPW of another version cannot be read; put that pw.x, ph.x and epw.x on PATH",
    )
    deliver(folder / f"{material}.save", save)
    deliver(found, output)
    shutil.rmtree(folder)


def phonon(
    save: str,
    cards: str,
    dyn: str,
    dvscf: str,
    patterns: str,
    output: str,
    material: str,
    number: int,
    text: str,
    options: dict,
    launcher: str,
    **_,
) -> None:
    """DFPT at one irreducible q; a job that was killed goes on where it stopped.

    Args:
      options: irreducible (number of q points expected).
    """
    folder = _scratch(cards, f"phonon-{number}")
    where = f"{material}: q {number}"
    found = None
    if _was_begun(folder, save, material, text):
        try:
            found = _ph(folder, text, ".true.", where, launcher)
        except EphforgeError as error:
            log.warning("%s; it cannot be taken up again and starts anew", error)
    if found is None:
        fresh(folder)
        shutil.copytree(save, folder / f"{material}.save")
        (folder / BEGUN).write_text(text)
        found = _ph(folder, text, ".false.", where, launcher)
    _check_phonon(folder, found, material, number, options)
    (folder / BEGUN).unlink()  # once files leave the folder it cannot be taken up again
    inside = folder / "_ph0"
    of_q = inside if number == 1 else inside / f"{material}.q_{number}"
    deliver(of_q / f"{material}.dvscf1", dvscf)
    deliver(inside / f"{material}.phsave/patterns.{number}.xml", patterns)
    deliver(folder / f"dyn{number}", dyn)
    deliver(found, output)
    shutil.rmtree(folder)


def _was_begun(folder: Path, save: str, material: str, text: str) -> bool:
    """Whether the folder holds an unfinished run of the same input on the same density."""
    begun, copy = folder / BEGUN, folder / f"{material}.save" / DENSITY[0]
    if not begun.is_file() or not copy.is_file() or begun.read_text() != text:
        return False
    return copy.read_bytes() == (Path(save) / DENSITY[0]).read_bytes()


def _ph(folder: Path, text: str, recover: str, where: str, launcher: str) -> Path:
    (folder / "phonon.in").write_text(text.replace("{recover}", recover))
    return _run("ph.x", folder, "phonon", where, launcher)


def _check_phonon(folder: Path, output: Path, material: str, number: int, options: dict) -> None:
    where = f"{material}: q {number}"
    text = output.read_text(errors="replace")
    if "No convergence has been achieved" in text:
        raise EphforgeError(f"{where}: phonon: linear response not converged; see {output}")
    count = int((folder / "dyn0").read_text().split("\n")[1])
    if count != options["irreducible"]:
        raise EphforgeError(
            f"{where}: phonon: ph.x finds {count} irreducible q, symmetry gives "
            f"{options['irreducible']}; see {output} for the symmetry operations that pw.x lost "
            "(a cutoff with an even FFT grid keeps those with fractional translations)"
        )
    omega = outputs.dynamical_frequencies(folder / f"dyn{number}").omega
    hard = omega[abs(omega).argsort()[ACOUSTIC_MODES:]] if number == 1 else omega
    if len(hard) and hard.min() < -HOPELESS:
        raise EphforgeError(
            f"{where}: phonon: imaginary mode of {hard.min():.2f} meV; check structure, cutoff and "
            f"scf_mesh; see {folder / f'dyn{number}'}"
        )


def nscf(
    cards: str, save: str, states: str, output: str, material: str, text: str, launcher: str, **_
) -> None:
    """Bands on the full coarse k mesh."""
    folder = fresh(_scratch(cards, "nscf"))
    _density(save, folder, material)
    (folder / "nscf.in").write_text(text.replace("{structure}", Path(cards).read_text()))
    found = _run("pw.x", folder, "nscf", material, launcher)
    deliver(folder / f"{material}.save", states)
    deliver(found, output)
    shutil.rmtree(folder)


def bands(cards: str, save: str, xml: str, material: str, text: str, launcher: str, **_) -> None:
    """Kohn-Sham bands along the high-symmetry path, to compare the Wannier bands with."""
    folder = fresh(_scratch(cards, "bands"))
    _density(save, folder, material)
    cell = outputs.read_structure(Path(save) / "data-file-schema.xml").cell
    path = Atoms(cell=cell, pbc=True).cell.bandpath(npoints=PATH_POINTS)
    text = text.replace("{points}", k_list(path.kpts.tolist()))
    (folder / "bands.in").write_text(text.replace("{structure}", Path(cards).read_text()))
    _run("pw.x", folder, "bands", material, launcher)
    deliver(folder / f"{material}.save/data-file-schema.xml", xml)
    shutil.rmtree(folder)


def wannier(
    cards: str,
    states: str,
    nscf: str,
    dyn: list[str],
    dvscf: list[str],
    patterns: list[str],
    run: str,
    output: str,
    material: str,
    text: str,
    options: dict,
    launcher: str,
    **_,
) -> None:
    """Wannier functions and g(Re, Rp) on the coarse meshes; `run` is the folder that is kept.

    Args:
      options: points [k, q] of the check that follows.
    """
    folder = fresh(_scratch(cards, "wannier"))
    shutil.copytree(states, folder / f"{material}.save")
    (folder / f"save/{material}.phsave").mkdir(parents=True)
    for i, sources in enumerate(zip(dyn, dvscf, patterns, strict=True), 1):
        names = (
            f"{material}.dyn_q{i}",
            f"{material}.dvscf_q{i}",
            f"{material}.phsave/patterns.{i}.xml",
        )
        for source, name in zip(sources, names, strict=True):
            shutil.copy(source, folder / "save" / name)
    for name, points in zip("kq", options["points"], strict=True):
        (folder / f"{name}.txt").write_text(point_list(points))
    (folder / "wannier.in").write_text(_fill_epw(text, cards, nscf))
    found = _run("epw.x", folder, "wannier", material, launcher)
    kept = fresh(folder / "kept")
    for name in (*WANNIER_FILES, f"{material}.epmatwp", f"{material}.ukk", "k.txt", "q.txt"):
        shutil.move(folder / name, kept / name)
    deliver(kept, run)
    deliver(found, output)
    shutil.rmtree(folder)


def check(
    cards: str, run: str, nscf: str, output: str, material: str, text: str, launcher: str, **_
):
    """EPW interpolates to a few points and prints |g|: what the imported model must reproduce."""
    folder = fresh(_scratch(cards, "check"))
    for source in Path(run).iterdir():
        (folder / source.name).symlink_to(source.resolve())
    (folder / "check.in").write_text(_fill_epw(text, cards, nscf))
    found = _run("epw.x", folder, "check", material, launcher)
    deliver(found, output)
    shutil.rmtree(folder)


def _fill_epw(text: str, cards: str, nscf: str) -> str:
    masses = re.findall(r"^(\w+) (\S+) \S+\.UPF$", Path(cards).read_text(), re.MULTILINE)
    lines = "".join(f"  amass({i})={mass}\n" for i, (_, mass) in enumerate(masses, 1))
    text = text.replace("{masses}", lines)
    if "{fermi}" in text:
        fermi = outputs.highest_occupied(Path(nscf)) + ABOVE_OCCUPIED
        text = text.replace("{fermi}", f"{fermi:.4f}")
    return text


def _cards(atoms: Atoms, species: list[str]) -> str:
    rows = [f"{s} {atomic_masses[atomic_numbers[s]]:.6f} {s}.UPF\n" for s in species]
    cell = ["{:.14f} {:.14f} {:.14f}\n".format(*row) for row in atoms.cell]
    fractional = atoms.get_scaled_positions(wrap=False)
    positions = [
        "{} {:.14f} {:.14f} {:.14f}\n".format(symbol, *position)
        for symbol, position in zip(atoms.symbols, fractional, strict=True)
    ]
    parts = ["ATOMIC_SPECIES\n", *rows, "CELL_PARAMETERS angstrom\n", *cell]
    return "".join([*parts, "ATOMIC_POSITIONS crystal\n", *positions])


def _density(save: str, folder: Path, material: str) -> None:
    target = folder / f"{material}.save"
    target.mkdir()
    for name in DENSITY:
        shutil.copy(Path(save) / name, target)


def _scratch(beside: str | Path, step: str) -> Path:
    return Path(beside).parent / "scratch" / step


def _run(program: str, folder: Path, step: str, material: str, launcher: str) -> Path:
    try:
        return run_code(program, folder, step, launcher)
    except EphforgeError as error:
        raise EphforgeError(f"{material}: {error}") from None


def _demand(output: Path, pattern: str, complaint: str) -> None:
    if not re.search(pattern, output.read_text(errors="replace")):
        raise EphforgeError(f"{complaint}; see {output}")
