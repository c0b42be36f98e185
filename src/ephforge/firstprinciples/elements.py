"""Chemical symbols: EPW's files name species only by number and mass."""

from ephforge.core.errors import EphforgeError

_TABLE = """
H He
Li Be B C N O F Ne
Na Mg Al Si P S Cl Ar
K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe
Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn
Fr Ra Ac Th Pa U
"""
SYMBOLS = tuple(_TABLE.split())


def atomic_number(symbol: str) -> int:
    """Atomic number of a chemical symbol.

    Raises:
      EphforgeError: no such element.
    """
    if symbol not in SYMBOLS:
        raise EphforgeError(f"'{symbol}': not a chemical symbol, expected one such as 'Si'")
    return SYMBOLS.index(symbol) + 1
