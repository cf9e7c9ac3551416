"""Reading a JSON body whole, up to a limit."""

from typing import Annotated

from fastapi import Depends, Request

from planner_api.errors import TooLargeError, UnsupportedFormatError
from planner_api.routes.wiring import UsedSettings


async def read_body(request: Request, settings: UsedSettings) -> bytes:
    """The body; UnsupportedFormatError unless it is JSON, TooLargeError beyond the limit."""
    _require_json(request.headers.get("content-type"))
    limit_bytes = settings.body_limit_bytes
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            message = f"a body must be at most {limit_bytes} bytes, got more"
            raise TooLargeError(message)
    return bytes(body)


JsonBody = Annotated[bytes, Depends(read_body)]


def _require_json(content_type: str | None) -> None:
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        message = f"Content-Type must be application/json, got {content_type!r}"
        raise UnsupportedFormatError(message)
