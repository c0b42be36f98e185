"""Entry point `ephforge`: the table of contents of the commands, and what errors look like."""

from contextlib import contextmanager
from typing import Annotated

import typer
from typer.core import TyperGroup

from ephforge.cli import (
    bench,
    cost,
    couple,
    modelfiles,
    regenerate,
    show,
    transfer,
    validate,
)

DEBUG = "--debug"
HELP = """Electron-phonon coupling of one material: read it, look at it, compute it.

Exit status: 0 done, 1 wrong input (one line says what and where), 2 wrong usage.
"""
READ = "Files of other codes"
LOOK = "Look and compute"
CAMPAIGN = "Files of a campaign"


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


app = typer.Typer(cls=Commands, help=HELP, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show the traceback of an error; anywhere on the line.")
    ] = False,
) -> None:
    pass


app.command("import-epw", rich_help_panel=READ)(transfer.import_epw)
app.command("import-perturbo", rich_help_panel=READ)(transfer.import_perturbo)
app.command("export-perturbo", rich_help_panel=READ)(transfer.export_perturbo)
app.command("show", rich_help_panel=LOOK)(show.show)
app.command("symmetrise", rich_help_panel=LOOK)(modelfiles.symmetrise)
app.command("compress", rich_help_panel=LOOK)(modelfiles.compress)
app.command("reconstruct", rich_help_panel=LOOK)(modelfiles.reconstruct)
app.command("couple", rich_help_panel=LOOK)(couple.couple)
app.command("validate", rich_help_panel=CAMPAIGN)(validate.validate)
app.command("regenerate", rich_help_panel=CAMPAIGN)(regenerate.regenerate)
app.command("cost", rich_help_panel=CAMPAIGN)(cost.cost)
app.command("bench", rich_help_panel=LOOK)(bench.bench)
