"""ETags: a client that has the content already gets 304 and no body."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Header, Response

IfNoneMatch = Annotated[str | None, Header(description="ETags of what the client has")]
IMMUTABLE = "private, max-age=31536000, immutable"
REVALIDATE = "private, no-cache"


def json_or_304(
    content: str, *, digest: str, if_none_match: str | None, cache_control: str
) -> Response:
    """JSON under its digest as ETag, or 304 if the client named that ETag."""
    headers = {"ETag": f'"{digest}"', "Cache-Control": cache_control}
    if has_current(if_none_match, digest):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(content, media_type="application/json", headers=headers)


def has_current(if_none_match: str | None, digest: str) -> bool:
    """Whether If-None-Match names this digest, weakly or strongly, or is `*` (RFC 9110, 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return "*" in tags or f'"{digest}"' in tags
