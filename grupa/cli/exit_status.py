"""Exit statuses of `grupa`, and the error by which a command ends with one of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class ExitStatus(IntEnum):
    """Exit status of the process; a contract with the programs that call it."""

    DONE = 0
    FAILED = 1
    UNUSABLE = 2
    """The input or the options cannot be used."""


class CommandError(Exception):
    """A command that cannot do its work; the message is one sentence for the user.

    Attributes:
        status: Exit status of the process.
        file: Name of the file that is wrong, if there is one.
        line: Physical line of `file` that is wrong, if there is one.
        options: Words of the command line with which `file` could be read, if a person must confirm them.
    """

    def __init__(
        self,
        message: str,
        status: ExitStatus,
        file: str | None = None,
        line: int | None = None,
        options: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.file, self.line, self.options = status, file, line, options


@contextmanager
def exit_with(status: ExitStatus, *errors: type[Exception]) -> Iterator[None]:
    """Turn `errors` into a `CommandError` with this exit status, with the file and line that they name."""
    try:
        yield
    except errors as error:
        details = (getattr(error, name, None) for name in ("file", "line", "options"))
        raise CommandError(str(error), status, *details) from error
