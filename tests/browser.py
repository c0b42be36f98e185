"""A page in headless chromium: what loaded, how wide it is, what the console said."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, _NAMES)), None)
_PROBE = """<!doctype html><html><body style="margin:0">
<iframe id="frame" src="{page}" style="border:0;width:{width}px;height:{height}px"></iframe>
<script>
document.getElementById("frame").onload = function () {{
  const inside = this.contentDocument, root = inside.documentElement;
  const images = [...inside.images].map(i => [i.alt, i.complete, i.naturalWidth]);
  const ids = [...inside.querySelectorAll("[id]")].map(e => e.id);
  const links = [...inside.querySelectorAll("a[href]")].map(a => a.getAttribute("href"));
  const wide = [...inside.body.querySelectorAll("*")].filter(e => !e.closest(".scroll, figure")
    && e.getBoundingClientRect().right > root.clientWidth + 1).map(e => e.tagName);
  document.body.dataset.found = JSON.stringify({{width: root.clientWidth,
    scroll: root.scrollWidth, height: root.scrollHeight, images, links, ids, wide}});
}};
</script></body></html>
"""
_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
    "--allow-file-access-from-files", "--enable-logging=stderr", "--virtual-time-budget=10000",
)  # fmt: skip


def look(page: Path, width: int, scratch: Path, height: int = 900) -> dict:
    """Open a page in a frame of a width; needs `PROGRAM`.

    Returns:
      width, scroll, height in pixels; images (text, whether done, natural width); links;
      ids; wide: elements that stick out of the page, other than in boxes that scroll; console:
      lines.
    """
    probe = scratch / f"probe-{width}.html"
    probe.write_text(_PROBE.format(page=page.resolve().as_uri(), width=width, height=height))
    run = _run(scratch, f"--window-size={max(width, 600)},{height}", "--dump-dom", probe.as_uri())
    found = re.search(r'data-found="([^"]*)"', run.stdout)
    assert found, run.stderr[-2000:]
    console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(unescape(found[1])) | {"console": console}


def screenshot(page: Path, width: int, height: int, picture: Path, scratch: Path) -> None:
    """Write a PNG of a page at a width, as a phone or a desktop shows it."""
    probe = scratch / f"probe-{width}.html"
    probe.write_text(_PROBE.format(page=page.resolve().as_uri(), width=width, height=height))
    size = f"--window-size={width},{height}"
    _run(scratch, size, f"--screenshot={picture}", probe.as_uri())


def _run(scratch: Path, *words: str) -> subprocess.CompletedProcess:
    profile = f"--user-data-dir={scratch / 'profile'}"
    return subprocess.run(
        [PROGRAM, *_OPTIONS, profile, *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
