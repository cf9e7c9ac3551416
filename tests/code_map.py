"""The map of the code in ARCHITECTURE.md, one line a file from its own docstring or comment.

Run as a program, it rewrites the map:

    python tests/code_map.py
"""

from __future__ import annotations

import ast
import re
from itertools import takewhile

from repository import PRODUCT, ROOT, python_files, script_files

DOCUMENT = ROOT / "ARCHITECTURE.md"
BEGIN = "<!-- code map: written by `make map` from the docstrings -->\n"
END = "<!-- end of the code map -->\n"


def code_map() -> str:
    """A heading for each folder with modules, its package's docstring, and a line a module."""
    folders: dict[str, list[str]] = {}
    for path in [*python_files(*PRODUCT), *script_files(*PRODUCT)]:
        lines = folders.setdefault(path.parent.as_posix(), [])
        if path.name != "__init__.py":
            lines.append(f"- `{path}` - {first_sentence(path.as_posix())}\n")
    return "\n".join(section(folder, lines) for folder, lines in sorted(folders.items()) if lines)


def section(folder: str, lines: list[str]) -> str:
    package = f"{folder}/__init__.py"
    about = f"{first_sentence(package)}.\n\n" if (ROOT / package).is_file() else ""
    return f"### {folder}/\n\n{about}{''.join(lines)}"


def first_sentence(path: str) -> str:
    """The first sentence a module says of itself, on one line, without its full stop."""
    text = (ROOT / path).read_text()
    said = opening_comment(text) if path.endswith(".js") else ast.get_docstring(ast.parse(text))
    paragraph = " ".join((said or "").split("\n\n")[0].split())
    return re.split(r"\.(?=\s|$)", paragraph, maxsplit=1)[0]


def opening_comment(script: str) -> str:
    """The comment that a script begins with."""
    lines = takewhile(lambda line: line.startswith("//"), script.splitlines())
    return "\n".join(line.removeprefix("//").strip() for line in lines)


def with_map(text: str) -> str:
    """The document with the map between its two marks written anew."""
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{code_map()}\n{END}{after}"


if __name__ == "__main__":
    DOCUMENT.write_text(with_map(DOCUMENT.read_text()))
