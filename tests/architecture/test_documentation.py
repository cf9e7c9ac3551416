"""What the documents say to type works, and what they link to exists.

A fenced `console` or `python` block right below `<!-- run -->` (or `<!-- run slow -->`, which makes
its document a slow test) is run, all those of a file in one bash session in a folder that has
nothing but the repository's examples/. A line that starts with `$ ` is a command; the lines below
it are its output, where `...` stands for anything.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from repository import ROOT, files

DOCUMENTS = [path for path in files() if path.suffix == ".md"]
BLOCK = re.compile(
    r"^<!-- run(?: slow)? -->\n```(console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)|(?:src|srcset)=\"([^\":]+)\"")
MARK = "-- what follows was printed by command"


def examples(document: Path) -> list[tuple[str, str]]:
    """(command, output it must print) of every example of a document, in order."""
    found: list[tuple[str, str]] = []
    for language, body in BLOCK.findall((ROOT / document).read_text()):
        if language == "python":
            found.append((f"python - <<'PYTHON'\n{body}PYTHON", ""))
            continue
        for part in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command = re.match(r"(?:.*\\\n)*.*\n", part)
            first = command.group() if command else part
            found.append((first.rstrip("\n"), part[len(first) :]))
    return found


def session(commands: list[str], folder: Path) -> list[str]:
    """What each command prints when all run in one bash session, which then ends its own jobs."""
    script = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    for number, command in enumerate(commands):
        script += f"printf '\\n%s\\n' '{MARK} {number}'\n{command}\n"
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash"],
        input=script,
        cwd=folder,
        env={**os.environ, "PATH": programs, "COLUMNS": "100"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    return re.split(rf"^{MARK} \d+\n", ran.stdout, flags=re.MULTILINE)[1:]


def matches(printed: str, expected: str) -> bool:
    """Whether the text is the expected one, `...` standing for anything, ends of lines aside."""
    pattern = ".*".join(map(re.escape, expected.strip().split("...")))
    lines = "\n".join(map(str.rstrip, printed.strip().splitlines()))
    return re.fullmatch(pattern, lines, flags=re.DOTALL) is not None


def runnable() -> list[Any]:
    """The documents with examples, the slow ones marked."""
    slow = {path for path in DOCUMENTS if "<!-- run slow -->" in (ROOT / path).read_text()}
    return [
        pytest.param(path, marks=[pytest.mark.slow] * (path in slow))
        for path in DOCUMENTS
        if examples(path)
    ]


def require_curl(commands: list[str]) -> None:
    """Skip where curl is needed and missing, but for CI."""
    needed = any(re.search(r"\bcurl\b", command) for command in commands)
    if needed and shutil.which("curl") is None and os.environ.get("CI") != "true":
        pytest.skip("curl is not installed")


@pytest.mark.parametrize("document", runnable(), ids=str)
def test_the_examples_print_what_is_written(document: Path, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    commands, outputs = zip(*examples(document), strict=True)
    require_curl(list(commands))
    for command, expected, printed in zip(
        commands, outputs, session(list(commands), tmp_path), strict=True
    ):
        assert not expected or matches(printed, expected), f"$ {command}\n{printed}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_links_lead_to_files_that_exist(document: Path) -> None:
    text = (ROOT / document).read_text()
    targets = [target or source for target, source in LINK.findall(text)]
    missing = [name for name in targets if not (ROOT / document.parent / name).exists()]
    assert missing == []
