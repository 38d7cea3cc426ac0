"""Streams compressed by zstandard."""

import sys
from typing import IO, Literal, cast


def open_zstd(stream: IO[bytes], mode: Literal["rb", "wb"]) -> IO[bytes]:
    """The stream, compressed or expanded: an object of bytes in all that tarfile uses of it."""
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 - only for this form
    else:
        from backports import zstd  # noqa: PLC0415
    return cast("IO[bytes]", zstd.open(stream, mode))


def zstd_error() -> type[Exception]:
    """The error of a stream that is not zstandard, or damaged."""
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 - only for this form
    else:
        from backports import zstd  # noqa: PLC0415
    return zstd.ZstdError
