"""Who may call: everybody without keys (then only this machine can), else holders of a key."""

from hashlib import sha256
from hmac import compare_digest

from fastapi import Request

from planner_api.errors import NotAuthenticatedError
from planner_api.routes.wiring import UsedSettings


async def require_key(request: Request, settings: UsedSettings) -> None:
    """NotAuthenticatedError unless the service has no keys or the request shows one of them."""
    if not settings.api_keys:
        return
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    given = _fingerprint(shown.strip())
    matches = [
        compare_digest(given, _fingerprint(key.get_secret_value())) for key in settings.api_keys
    ]
    if scheme.lower() != "bearer" or not any(matches):
        message = "a key is required: send it as 'Authorization: Bearer KEY'"
        raise NotAuthenticatedError(message)


def _fingerprint(key: str) -> bytes:
    """Keys of any length at one length, so that the time to compare them tells nothing."""
    return sha256(key.encode()).digest()
