"""What is a bug of ours, and what the machine says."""

import errno
import os

import pytest

from bootstrap.errors import ExitCode, system_failure


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_takes_nothing_is_no_bug(number: int) -> None:
    error = system_failure(OSError(number, os.strerror(number), "/state/file"))
    assert error is not None
    assert (error.what, error.exit_code) == (f"{os.strerror(number)}: /state/file", ExitCode.STEP_FAILED)
    assert error.fix is not None
    assert error.fix.endswith("then run the same command again")


def test_the_disk_is_told_where_no_file_is_named() -> None:
    error = system_failure(OSError(errno.ENOSPC, "No space left on device"))
    assert error is not None
    assert error.what == "No space left on device"


@pytest.mark.parametrize("error", [OSError(errno.EBADF, "bad"), OSError("no number"), ValueError("x")])
def test_everything_else_is(error: Exception) -> None:
    assert system_failure(error) is None
