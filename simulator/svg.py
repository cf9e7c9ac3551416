"""What all our pictures share: a page whose colours follow a light or dark reader."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

LIGHT = """
.paper { fill: #ffffff } text { fill: #24292f; font: 12px system-ui, sans-serif }
.strong { font-weight: 600 } .faint { fill: #57606a } .grid { stroke: #d8dee4 }
"""
DARK = """
  .paper { fill: #0d1117 } text { fill: #e6edf3 } .faint { fill: #9198a1 }
  .grid { stroke: #30363d }
"""


def page(
    size: tuple[int, int], parts: Iterable[str], *, title: str, style: str = "", dark: str = ""
) -> str:
    """An SVG document on paper; `style` and `dark` add to the rules of either kind of reader.

    size: width and height.
    """
    width, height = size
    rules = f"{LIGHT}{style}@media (prefers-color-scheme: dark) {{{DARK}{dark}}}\n"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{rules}</style>",
            f'<rect class="paper" width="{width}" height="{height}"/>',
            *parts,
            "</svg>",
            "",
        ]
    )
