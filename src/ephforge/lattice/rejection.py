"""Why a drawn material is not used: a small fixed vocabulary.

A rejected material is a row of its shard with one of these reasons, never a crash.
"""

OUT_OF_BOUNDS = "relaxation out of bounds"
UNSETTLED = "relaxation does not settle"
REFUSED = "potential refused the structure"
NOT_FINITE = "energy or forces not finite"
RESIDUAL_FORCES = "residual forces"
SHELL_AT_CUTOFF = "neighbour shell at the cutoff"
ANOTHER_TYPE = "relaxed to another structure type"
IMAGINARY = "imaginary modes"
FLOPPY = "modes without restoring force"

REASONS = (
    OUT_OF_BOUNDS,
    UNSETTLED,
    REFUSED,
    NOT_FINITE,
    RESIDUAL_FORCES,
    SHELL_AT_CUTOFF,
    ANOTHER_TYPE,
    IMAGINARY,
    FLOPPY,
)


class Rejected(Exception):
    """Carries one of `REASONS` and a free-text detail with numbers."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
