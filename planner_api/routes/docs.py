"""The documentation page at /docs: our own, so that it works without a network."""

from importlib.resources import files
from typing import Literal

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)

PAGE = files("planner_api.web")
MEDIA_TYPE_OF = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


@router.get("/docs")
def page() -> Response:
    """The page."""
    return _asset("docs.html")


@router.get("/docs/{name}")
def asset(name: Literal["docs.css", "docs.js"]) -> Response:
    """What the page loads."""
    return _asset(name)


def _asset(name: str) -> Response:
    content = PAGE.joinpath(name).read_text(encoding="utf-8")
    return Response(content, media_type=MEDIA_TYPE_OF[name.partition(".")[2]], headers=HEADERS)
