"""Errors that a user sees as one line: what, where, what to do.

Every error that footfall raises on purpose derives from `FootfallError`; the command line prints
its text and exits with `exit_code`.
"""


class FootfallError(Exception):
    """Something the user can act on; the text is one line."""

    exit_code = 1


class ConfigError(FootfallError):
    """`footfall.yml` cannot be used; the text names the line and the key."""

    exit_code = 2


class UsageError(FootfallError):
    """A command was called in a way that makes no sense."""

    exit_code = 2


class LogIntegrityError(FootfallError):
    """The log, its seals or the records differ from what was sealed; the text names the place."""


class LockHeldError(FootfallError):
    """Another process writes to the same state folder."""


class RefusedFileError(FootfallError):
    """A source file cannot be read as a whole (truncated, undecodable, over a limit)."""
