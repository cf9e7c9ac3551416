"""The what-if page at /, and what it loads: files of planner_api/web and Plotly's script."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from fastapi import APIRouter, Response

from planner_api.errors import NotFoundError
from planner_api.routes.caching import REVALIDATE, IfNoneMatch, has_current

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

router = APIRouter(include_in_schema=False)

INDEX = "index.html"
CHARTS = "plotly.min.js"
MEDIA_TYPE_OF = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
# Plotly styles its charts by style attributes: docs/decisions/0009-inline-styles.md.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": REVALIDATE,
}


class Asset(NamedTuple):
    """A file that the page loads; `etag` is the digest of its content."""

    content: bytes
    media_type: str
    etag: str


@router.get("/")
def page(if_none_match: IfNoneMatch = None) -> Response:
    """The page."""
    return _answer(_own(INDEX), if_none_match)


@router.get(f"/web/{CHARTS}")
def charts(if_none_match: IfNoneMatch = None) -> Response:
    """Plotly's script, out of its installed wheel."""
    return _answer(_plotly(), if_none_match)


@router.get("/web/{path:path}")
def asset(path: str, if_none_match: IfNoneMatch = None) -> Response:
    """A file of the page, by its path in planner_api/web."""
    return _answer(_own(path), if_none_match)


def _answer(found: Asset, if_none_match: str | None) -> Response:
    headers = {**HEADERS, "ETag": f'"{found.etag}"'}
    if has_current(if_none_match, found.etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


def _own(path: str) -> Asset:
    """A file of planner_api/web; read anew each time, so that edits show."""
    at: Traversable = files("planner_api.web")
    for name in path.split("/"):
        entries = {entry.name: entry for entry in at.iterdir()} if at.is_dir() else {}
        if name not in entries:
            raise _not_found(path)
        at = entries[name]
    media_type = MEDIA_TYPE_OF.get(PurePosixPath(path).suffix)
    if media_type is None or not at.is_file():
        raise _not_found(path)
    return _asset(at.read_bytes(), media_type)


@cache
def _plotly() -> Asset:
    """Found without importing the package, which nothing here needs."""
    spec = find_spec("plotly")
    if spec is None or not spec.submodule_search_locations:
        raise _not_found(CHARTS)
    script = Path(spec.submodule_search_locations[0]) / "package_data" / CHARTS
    return _asset(script.read_bytes(), MEDIA_TYPE_OF[".js"])


def _asset(content: bytes, media_type: str) -> Asset:
    return Asset(content, media_type, sha256(content).hexdigest())


def _not_found(path: str) -> NotFoundError:
    return NotFoundError(f"the page has no file {path!r}")
