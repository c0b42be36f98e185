"""Hooks of mkdocs: pages that are made from the code and from files of the root, formulas, links.

Formulas are LaTeX as GitHub reads it, ```math blocks and $`...`$, and become MathML, which
browsers show without any script.  Links to files outside docs/ lead to copies of them.
"""

import html
import posixpath
import re
from pathlib import Path

import typer.main
from latex2mathml.converter import convert
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor
from mkdocs.structure.files import File
from typer.cli import get_docs_for_click

from ephforge.cli.main import app
from ephforge.config import Config

ROOT = Path(__file__).parents[1]
# page -> file of the root
OF_ROOT = {
    "conventions.md": "CONVENTIONS.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
# heading -> modules of the reference page
MODULES = {
    "For notebooks": ("api.files", "api.points", "api.atoms"),
    "Models and files": ("core.realspace", "core.netcdf", "core.blocks", "core.symmetry"),
    "Couplings": ("coupling.points", "coupling.matrix_elements", "coupling.longrange"),
    "Observables": ("observables.paths", "observables.along", "observables.eliashberg"),
    "Other codes": ("firstprinciples.epw", "firstprinciples.perturbo"),
    "Data set and network": ("dataset.index", "dataset.splits", "model.codec", "model.storage"),
}
_LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")
_BLOCK = re.compile(r"^```math\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"\$`(.+?)`\$")


class _Bra(InlineProcessor):
    """<m,0|dV|n,R> is a matrix element, no tag of HTML."""

    def handleMatch(self, m, data):
        inside = m[1].replace("\\|", "|")  # as tables have it
        return f"&lt;{inside}&gt;", m.start(0), m.end(0)


class _MatrixElements(Extension):
    def extendMarkdown(self, md):
        # after code (190), before escapes (180) and tags of HTML (90)
        md.inlinePatterns.register(_Bra(r"<([a-z],[^<>]*)>", md), "matrix element", 185)


def on_config(config):
    """In pages and in docstrings."""
    config.markdown_extensions.append(_MatrixElements())
    return config


def on_files(files, config):
    """Add the pages that are made, and copies of the files that pages link to."""
    made = {page: (ROOT / name).read_text() for page, name in OF_ROOT.items()}
    made |= {
        "command_line.md": command_line(),
        "configuration.md": configuration(),
        "reference.md": reference(),
    }
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    texts = made | {
        f.src_uri: f.content_string for f in files.documentation_pages() if f.abs_src_path
    }
    for page, text in texts.items():
        for _, target, _ in _LINK.findall(text):
            path = _outside(page, target)
            uri = f"files/{path}"
            if path and (ROOT / path).is_file() and files.get_file_from_path(uri) is None:
                files.append(File.generated(config, uri, content=(ROOT / path).read_bytes()))
    return files


def on_page_markdown(markdown, page, config, files):
    """Formulas, and links out of docs/."""
    markdown = _BLOCK.sub(lambda m: convert(m[1].strip(), display="block"), markdown)
    markdown = _INLINE.sub(lambda m: convert(m[1]), markdown)
    return _LINK.sub(lambda m: m[1] + _target(page.file.src_uri, m[2]) + m[3], markdown)


def _target(page: str, link: str) -> str:
    path = _outside(page, link)
    if path is None:
        return link
    pages = {name: made for made, name in OF_ROOT.items()}
    to = pages.get(path) or (path[5:] if path.startswith("docs/") else f"files/{path}")
    return posixpath.relpath(to, posixpath.dirname(page) or ".")


def _outside(page: str, link: str) -> str | None:
    """Path from the root of the repository of a link that leaves docs/; None if it stays."""
    if page in OF_ROOT:
        return posixpath.normpath(link)
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
    return None if path.startswith("docs/") else path


_COMMANDS = """# Command line

- Errors are one line on the standard error; `--debug`, anywhere on the line, shows the traceback.
- Exit status: 0 done; 1 wrong input, faulty files, or (`status`) a failed job; 2 wrong usage.
- `ephforge --install-completion` lets bash, zsh, fish and PowerShell complete commands and options,
  in shells opened afterwards; `--show-completion` prints what it installs.
- Long work tells rate and time left: a bar on a terminal, elsewhere a line now and then.
"""


def command_line() -> str:
    """All commands with their options, as typer tells them."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="ephforge")
    return text.replace("# `ephforge`\n", _COMMANDS, 1)


def configuration() -> str:
    """Every option with its default and sentence, from ephforge/config.py."""
    lines = [
        "# Configuration",
        "",
        "One section for each stage, in the order of the flow. Defaults are those of "
        "[config.yaml](../config.yaml); keep what differs in a file of your own: "
        "`snakemake --configfile mine.yaml`. A wrong key or value is refused in one line. "
        "[config/schema.json](../config/schema.json) lets editors complete and check it.",
    ]
    for name, field in Config.model_fields.items():
        section = field.annotation
        lines += ["", f"## {name}", "", " ".join(section.__doc__.split()), ""]
        lines += ["| option | | default |", "|---|---|---|"]
        values = section().model_dump(mode="json")
        for key, option in section.model_fields.items():
            default = html.escape(str(values[key]).replace("'", ""))
            lines.append(f"| `{key}` | {html.escape(option.description)} | {default} |")
    return "\n".join(lines) + "\n"


def reference() -> str:
    """Docstrings of the modules that are of use outside; the package has many more."""
    lines = ["# Python reference", "", "Examples of use: [Python](python.md)."]
    for heading, modules in MODULES.items():
        lines += ["", f"## {heading}"]
        lines += [f"\n::: ephforge.{module}" for module in modules]
    return "\n".join(lines) + "\n"
