"""Which digest a tag of an OCI registry means: helm itself only pulls tags that are versions.

An OCIRepository may name any tag (`latest`, `main-abc1234`, `1.0.0_build.7`), and means `latest` without a `ref`
(source-controller, `getArtifactRef`). What it means is asked as the distribution specification says: a HEAD of the
manifest, after a token if the registry wants one. Credentials are those of the user's own helm and docker.
"""

import base64
import hashlib
import json
import os
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from bootstrap.charts.semver import parse_version
from bootstrap.errors import StepFailedError
from bootstrap.system.clock import CancelToken
from bootstrap.system.processes import Command, CommandFailedError, Processes

_SECONDS = 30.0
_UNAUTHORIZED = 401
_MANIFESTS = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_DOCKER_HUB = {"docker.io": "registry-1.docker.io"}


def is_version(tag: str) -> bool:
    """Whether helm takes this tag for a version and pulls it by itself."""
    return parse_version(tag) is not None and tag.count(".") >= 2  # noqa: PLR2004 - the dots of a whole version


class OciTags:
    """Tags of registries; asks again each time."""

    def __init__(self, configurations: Sequence[Path], processes: Processes) -> None:
        """`configurations` are files like docker's config.json; the first that knows a registry counts."""
        self._configurations = configurations
        self._processes = processes

    def digest(self, url: str, tag: str, cancel: CancelToken, *, plain: bool) -> str:
        """`sha256:…` of what `oci://host/path` holds under this tag.

        Raises:
            StepFailedError: the registry does not answer, or has no such tag.
        """
        host, _, path = url.removeprefix("oci://").partition("/")
        scheme = "http" if plain else "https"
        address = f"{scheme}://{_DOCKER_HUB.get(host, host)}/v2/{path}/manifests/{urllib.parse.quote(tag)}"
        try:
            headers, body = self._manifest(address, host, cancel)
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise StepFailedError(
                f"cannot resolve tag {tag} of {url}",
                evidence=(_text_of(error),),
                fix=f"check url and ref.tag of the OCIRepository; for a private one: helm registry login {host}",
            ) from error
        return headers.get("docker-content-digest") or f"sha256:{hashlib.sha256(body).hexdigest()}"

    def _manifest(self, address: str, host: str, cancel: CancelToken) -> tuple[Mapping[str, str], bytes]:
        try:
            return _get(address, {"Accept": _MANIFESTS}, cancel)
        except urllib.error.HTTPError as error:
            if error.code != _UNAUTHORIZED:
                raise
            challenge = error.headers.get("WWW-Authenticate", "")
            error.close()
        login = self._login(host, cancel)
        authorization = f"Basic {login}" if login else ""
        if challenge.lower().startswith("bearer "):
            authorization = f"Bearer {_token(challenge, login, cancel)}"
        return _get(address, {"Accept": _MANIFESTS, "Authorization": authorization}, cancel)

    def _login(self, host: str, cancel: CancelToken) -> str:
        """base64 of `user:password`; empty when nobody has logged in."""
        for file in self._configurations:
            settings = _read(file)
            entry = (settings.get("auths") or {}).get(host) or {}
            if entry.get("auth"):
                return str(entry["auth"])
            helper = (settings.get("credHelpers") or {}).get(host) or (settings.get("credsStore") if entry else None)
            if helper and (credentials := self._helped(str(helper), host, cancel)):
                return credentials
        return ""

    def _helped(self, helper: str, host: str, cancel: CancelToken) -> str:
        names = ("PATH", "HOME", "XDG_RUNTIME_DIR")
        env = {name: os.environ[name] for name in names if name in os.environ}
        command = Command(argv=(f"docker-credential-{helper}", "get"), env=env, stdin=host.encode())
        try:
            document = json.loads(
                self._processes.run(command, cancel.within(_SECONDS, f"credentials of {host}")).stdout
            )
        except (CommandFailedError, ValueError, OSError):
            return ""
        return base64.b64encode(f"{document.get('Username', '')}:{document.get('Secret', '')}".encode()).decode()


def _token(challenge: str, login: str, cancel: CancelToken) -> str:
    """What the registry's own token service gives (distribution specification, token authentication)."""
    parameters = dict(_PARAMETER.findall(challenge))
    realm = parameters.pop("realm", "")
    if not realm.startswith(("https://", "http://")):
        raise ValueError("the registry names no token service")
    query = urllib.parse.urlencode({key: parameters[key] for key in ("service", "scope") if key in parameters})
    headers = {"Authorization": f"Basic {login}"} if login else {}
    document = json.loads(_get(f"{realm}?{query}", headers, cancel)[1])
    return str(document.get("token") or document.get("access_token") or "")


def _get(address: str, headers: Mapping[str, str], cancel: CancelToken) -> tuple[Mapping[str, str], bytes]:
    cancel.check()
    request = urllib.request.Request(address, headers=dict(headers))  # noqa: S310 - http and https alone are built here
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310 - see above
        return {name.lower(): value for name, value in answer.headers.items()}, answer.read()


def _read(file: Path) -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    try:
        settings = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _text_of(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"HTTP {error.code} {error.reason}"
    return str(error.reason) if isinstance(error, urllib.error.URLError) else str(error)
