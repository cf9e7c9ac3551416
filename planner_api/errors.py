"""What can go wrong, as the service sees it; knows no HTTP.

ShardstreamError
├── InvalidRequestError      a document, or documents together, break a rule
├── NotFoundError            a name, digest or id that nothing is known by
├── PlanMismatchError        a run was reported for another plan or device
├── ChangedMeanwhileError    what was worked on was changed by somebody else before the end
├── NoStoreError             a plan cannot be tried: no store of its model is at hand
├── TooLargeError            a body exceeds the limit of the settings
├── UnsupportedFormatError   a body is not declared as JSON
├── NotAuthenticatedError    a caller shows no key, or one that is not known
├── ConfigurationError       settings that the service cannot start with
├── UnavailableError         a part the service needs does not answer
└── BusyError                as much is going on as the settings allow
"""


class ShardstreamError(Exception):
    """Base of all errors of the service; the message names the value and the rule."""


class InvalidRequestError(ShardstreamError):
    """A document, or documents together, break a rule."""


class NotFoundError(ShardstreamError):
    """Nothing is known by this name, digest or id."""


class PlanMismatchError(ShardstreamError):
    """A run was reported for another plan or device than it was posted to."""


class ChangedMeanwhileError(ShardstreamError):
    """What was worked on was changed by somebody else before the end; asking again may help."""


class NoStoreError(ShardstreamError):
    """A plan cannot be tried: no store of its model is at hand."""


class TooLargeError(ShardstreamError):
    """A body exceeds the limit of the settings."""


class UnsupportedFormatError(ShardstreamError):
    """A body is not declared as JSON."""


class NotAuthenticatedError(ShardstreamError):
    """A caller shows no key, or one that is not known."""


class ConfigurationError(ShardstreamError):
    """Settings that the service cannot start with."""


class UnavailableError(ShardstreamError):
    """A part the service needs does not answer."""


class BusyError(ShardstreamError):
    """As much is going on at once as the settings allow; asking again may help."""
