"""The pages of docs/: they build without warnings, links lead somewhere, nothing is fetched."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT
from typer.main import get_command

from ephforge.cli.main import app
from ephforge.config import Config

# what a browser would fetch by itself
LOADED = {("script", "src"), ("link", "href"), ("img", "src")}


class Page(HTMLParser):
    """Links, anchors and loaded files of a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.links, self.anchors, self.loaded = [], {""}, []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            if name in ("href", "src") and value is not None:
                self.links.append(value)
                if (tag, name) in LOADED:
                    self.loaded.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert not run.stderr.strip()
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_every_page_is_there(site, pages):
    for source in (ROOT / "docs").rglob("*.md"):
        made = site / source.relative_to(ROOT / "docs").with_suffix(".html")
        assert made in pages
    for name in ("conventions", "command_line", "configuration", "reference", "changelog"):
        assert site / f"{name}.html" in pages


def test_no_link_is_broken(pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[to].anchors if to in pages else None
            if not to.exists() or (anchors and unquote(parts.fragment) not in anchors):
                broken.append(f"{path.name}: {link}")
    assert not broken


def test_pages_load_nothing_from_elsewhere(pages):
    for path, page in pages.items():
        outside = [link for link in page.loaded if urlsplit(link).netloc]
        assert not outside, path.name


def test_commands_options_and_formulas_are_on_their_pages(site):
    commands = (site / "command_line.html").read_text()
    for name, command in get_command(app).commands.items():
        assert f"ephforge {name}" in commands
        for parameter in command.params:
            for option in parameter.opts:
                assert option in commands, f"{name} {option}"
    options = (site / "configuration.html").read_text()
    for section in Config.model_fields.values():
        for key in section.annotation.model_fields:
            assert f"<code>{key}</code>" in options
    concepts = (site / "concepts.html").read_text()
    assert concepts.count("<math") > 5
    assert "$`" not in concepts
    assert "```" not in concepts


def test_the_readme_links_to_files_that_are_there():
    text = (ROOT / "README.md").read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
