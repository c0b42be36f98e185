"""Reading a file of kind "model" with one clear line for whatever is wrong with it."""

from pathlib import Path

from ephforge.core.errors import EphforgeError
from ephforge.core.netcdf import Contents, read
from ephforge.core.realspace import Model, read_model


def read_model_file(path: Path) -> tuple[Model, Contents]:
    """The model, and everything else that is in its file.

    Raises:
      EphforgeError: absent, damaged, of another kind, or incomplete.
    """
    contents = read(path, "model")
    try:
        return read_model(contents), contents
    except KeyError as error:
        raise EphforgeError(
            f"{path}: model file without {error}, expected a whole one; import it again"
        ) from None
