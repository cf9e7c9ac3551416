"""What every shard at every bitwidth is worth, measured on unlabelled text."""

from shard_builder.importance.profile import (
    Profile,
    ProfileRequest,
    profile_importance,
    relative_standard_error,
)

__all__ = ["Profile", "ProfileRequest", "profile_importance", "relative_standard_error"]
