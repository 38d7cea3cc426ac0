"""Files over HTTP: proxies and a mirror honoured, broken transfers resumed."""

import hashlib
import http.client
import urllib.error
import urllib.parse
import urllib.request
import urllib.response
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeAlias

from bootstrap.errors import RefusedError
from bootstrap.model.event import Notify
from bootstrap.system.clock import CancelToken
from bootstrap.system.files import private_folder
from bootstrap.system.work import Work
from bootstrap.toolchain.source import CannotGiveError

_CONNECT_SECONDS = 15.0
_CHUNK = 256 * 1024
_SAY_SECONDS = 2.0
_ATTEMPTS = 3
_NOT_SATISFIABLE = 416
_PARTIAL = 206

_Response: TypeAlias = http.client.HTTPResponse | urllib.response.addinfourl


@dataclass(frozen=True, kw_only=True, slots=True)
class Downloads:
    """Fetches files into a folder where a broken transfer waits to be resumed."""

    partial: Path
    mirror: str | None = None
    """Stands before host and path of every address: `https://mirror.example/base`."""
    unreachable: dict[str, str] = field(default_factory=dict)
    """Hosts that did not answer, and their errors: they are asked once."""

    def address(self, url: str) -> str:
        """Where the file is asked for."""
        if self.mirror is None:
            return url
        return f"{self.mirror.rstrip('/')}/{url.partition('://')[2]}"

    def text(self, url: str, cancel: CancelToken) -> str:
        """A small text file.

        Raises:
            CannotGiveError: it is not there, or out of reach.
        """
        cancel.check()
        with self._open(self.address(url), {}) as response:
            try:
                return str(response.read(1024 * 1024).decode(errors="replace"))
            except (OSError, http.client.HTTPException) as error:
                raise CannotGiveError(f"{self.address(url)} broke off: {error!r}") from error

    def file(self, url: str, work: Work) -> Path:
        """The whole file, in the partial folder: move it away, or remove it when it is not what it should be.

        Raises:
            CannotGiveError: it is not there, out of reach, or breaks off again and again.
        """
        address = self.address(url)
        target = private_folder(self.partial) / hashlib.sha256(address.encode()).hexdigest()[:24]
        for _ in range(_ATTEMPTS):
            if self._transfer(address, target, work):
                return target
        size = target.stat().st_size if target.exists() else 0
        raise CannotGiveError(f"{address} broke off {_ATTEMPTS} times, last after {size} bytes")

    def _transfer(self, address: str, target: Path, work: Work) -> bool:
        """One attempt, from where the last one broke off; whether the file is whole now, as far as is known."""
        have = target.stat().st_size if target.exists() else 0
        with self._open(address, {"Range": f"bytes={have}-"} if have else {}) as response:
            if response.status == _NOT_SATISFIABLE:
                target.unlink()
                return False
            resumed = response.status == _PARTIAL
            length = response.headers.get("Content-Length")
            expected = None if length is None else int(length) + (have if resumed else 0)
            with target.open("ab" if resumed else "wb") as stream:
                _copy(response, stream, _Progress(address=address, expected=expected, notify=work.notify), work.cancel)
        return expected is None or target.stat().st_size == expected

    def _open(self, address: str, headers: Mapping[str, str]) -> _Response:
        host = urllib.parse.urlsplit(address).netloc
        if host in self.unreachable:
            raise CannotGiveError(self.unreachable[host])
        # S310: the table's addresses are https; only a mirror, which the user names, may be http.
        request = urllib.request.Request(address, headers={"User-Agent": "bootstrap", **headers})  # noqa: S310
        try:
            response: _Response = _opener().open(request, timeout=_CONNECT_SECONDS)
        except urllib.error.HTTPError as error:
            if error.code == _NOT_SATISFIABLE:
                return error
            error.close()
            raise CannotGiveError(f"{address}: {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            reason = f"{host} cannot be reached: {getattr(error, 'reason', error)}"
            self.unreachable[host] = reason
            raise CannotGiveError(reason) from error
        return response


@dataclass(kw_only=True, slots=True)
class _Progress:
    address: str
    expected: int | None
    notify: Notify
    said: float = 0.0

    def tell(self, size: int, now: float) -> None:
        if now - self.said < _SAY_SECONDS:
            return
        self.said = now
        of = "" if self.expected is None else f" of {self.expected / 1e6:.0f}"
        self.notify(f"downloading {self.address.rpartition('/')[2]}: {size / 1e6:.0f}{of} MB")


def _copy(source: _Response, target: IO[bytes], progress: _Progress, cancel: CancelToken) -> None:
    """Copy until the source ends, also when it ends early: the caller compares sizes."""
    while True:
        cancel.check()
        try:
            chunk = source.read(_CHUNK)
        except (OSError, http.client.HTTPException):
            return
        if not chunk:
            return
        target.write(chunk)
        progress.tell(target.tell(), cancel.clock.monotonic())


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to http: the checksum would come the same open way."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """See `HTTPRedirectHandler`."""
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise RefusedError(
                f"{req.full_url} redirects to {newurl}, which is not encrypted", fix="set BOOTSTRAP_MIRROR, or --tool"
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener() -> urllib.request.OpenerDirector:
    # Made for each request: proxies are those of the environment as it is now.
    return urllib.request.build_opener(_NoDowngrade())
