"""What can go wrong, as the service sees it; knows no HTTP.

ShardstreamError
├── InvalidRequestError      a document, or documents together, break a rule
├── NotFoundError            a name, digest or id that nothing is known by
├── ConflictError            a name is taken by different content
├── PlanMismatchError        a run was reported for another plan or device
└── UnavailableError         a part the service needs does not answer
"""


class ShardstreamError(Exception):
    """Base of all errors of the service; the message names the value and the rule."""


class InvalidRequestError(ShardstreamError):
    """A document, or documents together, break a rule."""


class NotFoundError(ShardstreamError):
    """Nothing is known by this name, digest or id."""


class ConflictError(ShardstreamError):
    """The name is taken by different content."""


class PlanMismatchError(ShardstreamError):
    """A run was reported for another plan or device than it was posted to."""


class UnavailableError(ShardstreamError):
    """A part the service needs does not answer."""
