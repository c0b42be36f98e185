"""Entry point `ephforge`: the table of contents of the commands, and what errors look like."""

from contextlib import contextmanager
from typing import Annotated

import typer
from typer.core import TyperGroup

from ephforge.cli import (
    bench,
    classify,
    compress,
    cost,
    couple,
    modelfiles,
    observables,
    plot,
    regenerate,
    show,
    status,
    superresolve,
    transfer,
    validate,
)

DEBUG = "--debug"
HELP = """Electron-phonon coupling of one material: read it, look at it, compute it.

Start with: ephforge plot MODEL -o picture.png. The commands take single files, or tell how a
campaign fares; snakemake and make run campaigns.

Exit status: 0 done, 1 wrong input or faulty files (one line says what and where), 2 wrong usage.
"""
LOOK = "Look at a material"
READ = "Take a material from another code"
COMPUTE = "Compute"
LEARNED = "Few bits, and the trained autoencoder"
CAMPAIGN = "Campaigns and their files"
MACHINE = "This machine"


class Commands(TyperGroup):
    """Turns what goes wrong into one line, and takes --debug anywhere on the line."""

    def list_commands(self, ctx):
        return list(self.commands)

    def parse_args(self, ctx, args):
        ctx.meta[DEBUG] = DEBUG in args
        with _usage():
            return super().parse_args(ctx, [word for word in args if word != DEBUG])

    def invoke(self, ctx):
        try:
            with _usage():
                return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except Exception as error:
            if ctx.meta[DEBUG]:
                raise
            typer.echo(f"ephforge: error: {_one_line(error)}", err=True)
            raise typer.Exit(1) from None


@contextmanager
def _usage():
    """Wrong usage in one line, too; the help that is shown for no command at all goes through."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        # typer may bring its own copy of click: usage errors are told by what they can do
        is_usage = hasattr(error, "format_message") and getattr(error, "exit_code", 1) == 2
        if not is_usage or type(error).__name__ == "NoArgsIsHelpError":
            raise
        command = error.ctx.command_path if error.ctx else "ephforge"
        told = " ".join(error.format_message().split()).rstrip(".")
        typer.echo(f"ephforge: error: {told}; see {command} --help", err=True)
        raise typer.Exit(2) from None


def _one_line(error: Exception) -> str:
    # not at the top: it imports jax
    from ephforge.core.errors import EphforgeError

    if isinstance(error, EphforgeError | OSError | MemoryError):
        return " ".join(str(error).split()) or "out of memory; ask for fewer points"
    what = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{what}: a mistake in ephforge; run again with {DEBUG} and report it"


app = typer.Typer(
    cls=Commands,
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show the traceback of an error; anywhere on the line.")
    ] = False,
) -> None:
    pass


_CONTENTS = {
    LOOK: {"show": show.show, "plot": plot.plot},
    READ: {
        "import-epw": transfer.import_epw,
        "import-perturbo": transfer.import_perturbo,
        "export-perturbo": transfer.export_perturbo,
    },
    COMPUTE: {
        "couple": couple.couple,
        "observables": observables.observables,
        "superresolve": superresolve.superresolve,
        "symmetrise": modelfiles.symmetrise,
    },
    LEARNED: {
        "compress": compress.compress,
        "reconstruct": compress.reconstruct,
        "classify": classify.classify,
    },
    CAMPAIGN: {
        "status": status.status,
        "validate": validate.validate,
        "regenerate": regenerate.regenerate,
        "cost": cost.cost,
        "calibrate": classify.calibrate,
    },
    MACHINE: {"bench": bench.bench},
}
for panel, commands in _CONTENTS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)
