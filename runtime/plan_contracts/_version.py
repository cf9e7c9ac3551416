"""The one place the version is written; both distributions read it."""

__version__ = "0.1.0"
