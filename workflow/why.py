"""Why would a run do what it would do: one line for each rule.

    python workflow/why.py [arguments of snakemake]        make why ARGS="--configfile mine.yaml"

A dry run, with the reasons that Snakemake gives for its jobs put together and cut short.
"""

import ast
import re
import subprocess
import sys
from collections import Counter

FINGERPRINT = re.compile(r"'[0-9a-f]{16}'")
MOST = 3  # names in a line


def main(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "snakemake", "-n", *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    said = run.stdout + run.stderr
    if run.returncode:
        sys.stderr.write(said)
        return run.returncode
    print("\n".join(lines(said)) or "nothing to be done")
    return 0


def lines(said: str) -> list[str]:
    """A line for each rule of a dry run, in the order of the jobs."""
    jobs: Counter[str] = Counter()
    reasons: dict[str, dict[str, list[str]]] = {}
    for rule, block in re.findall(r"^rule (\w+):\n((?:    .*\n)*)", said, re.MULTILINE):
        found = re.search(r"^    reason: (.*)$", block, re.MULTILINE)
        if rule == "all" or not found:
            continue
        jobs[rule] += 1
        for reason, names in map(_short, found.group(1).split("; ")):
            known = reasons.setdefault(rule, {}).setdefault(reason, [])
            known += [name for name in names if name not in known]
    return [
        f"{rule}: {count} job{'s' if count > 1 else ''}: "
        + "; ".join(_told(reason, names) for reason, names in reasons[rule].items())
        for rule, count in jobs.items()
    ]


def _told(reason: str, names: list[str]) -> str:
    more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
    return f"{reason} {', '.join(names[:MOST])}{more}".strip()


def _short(reason: str) -> tuple[str, list[str]]:
    """What happened, and to what."""
    what, _, rest = reason.partition(": ")
    if what.startswith("Params have changed"):
        return _of_params(*re.search(r"before: (.*) now: (.*)", rest).groups())
    wording = {
        "Missing output files": "not there:",
        "Input files updated by another job": "made again before it:",
        "Updated input files": "changed input:",
    }
    return wording.get(what, what.lower()), rest.split(", ") if rest else []


def _of_params(before: str, now: str) -> tuple[str, list[str]]:
    """Changed options by name; two fingerprints are code or versions of packages."""
    if FINGERPRINT.search(before) and FINGERPRINT.search(now):
        return "code or package versions changed", []
    try:
        old, new = ast.literal_eval(before), ast.literal_eval(now)
        changed = [
            f"{k} {old.get(k)} -> {new.get(k)}" for k in old | new if old.get(k) != new.get(k)
        ]
    except (AttributeError, SyntaxError, TypeError, ValueError):  # not two dictionaries
        changed = [f"{before.strip()} -> {now.strip()}"]
    return "options changed:", changed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
