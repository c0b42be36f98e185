"""Chemical symbols and masses: EPW's files name species only by number and mass."""

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

# conventional atomic weights, dalton, IUPAC 2021; 0 where there is no stable isotope
_MASS_TABLE = """
1.008 4.0026
6.94 9.0122 10.81 12.011 14.007 15.999 18.998 20.180
22.990 24.305 26.982 28.085 30.974 32.06 35.45 39.948
39.098 40.078 44.956 47.867 50.942 51.996 54.938 55.845 58.933 58.693 63.546 65.38 69.723 72.630
74.922 78.971 79.904 83.798
85.468 87.62 88.906 91.224 92.906 95.95 0 101.07 102.906 106.42 107.868 112.414 114.818 118.710
121.760 127.60 126.904 131.293
132.905 137.327 138.905 140.116 140.908 144.242 0 150.36 151.964 157.25 158.925 162.500 164.930
167.259 168.934 173.045 174.967 178.49 180.948 183.84 186.207 190.23 192.217 195.084 196.967
200.592 204.38 207.2 208.980 0 0 0
0 0 0 232.038 231.036 238.029
"""
MASSES = tuple(float(word) for word in _MASS_TABLE.split())

MASS_TOLERANCE = 0.2  # dalton, within which a mass stands for an element
SAME_MASS = 0.01  # dalton; decides where two elements are within the tolerance
OTHER_ELEMENT = 0.05  # relative; a mass this far off, and that of another element, is a mistake


def atomic_number(symbol: str) -> int:
    """Atomic number of a chemical symbol.

    Raises:
      EphforgeError: no such element.
    """
    if symbol not in SYMBOLS:
        raise EphforgeError(f"'{symbol}': not a chemical symbol, expected one such as 'Si'")
    return SYMBOLS.index(symbol) + 1


def elements_of_mass(mass: float) -> list[str]:
    """Symbols of the elements that a mass (dalton) may stand for: none, one or several."""
    for tolerance in (SAME_MASS, MASS_TOLERANCE):
        near = [
            symbol
            for symbol, own in zip(SYMBOLS, MASSES, strict=True)
            if own and abs(own - mass) <= tolerance
        ]
        if near:
            return near
    return []


def is_of_another_element(symbol: str, mass: float) -> bool:
    """Whether a mass (dalton) is far from that of a symbol and is that of another element."""
    own = MASSES[atomic_number(symbol) - 1]
    near = elements_of_mass(mass)
    return own > 0 and bool(near) and symbol not in near and abs(mass / own - 1) > OTHER_ELEMENT
