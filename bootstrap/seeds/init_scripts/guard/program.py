"""Stands in front of `aws`, `awslocal`, `curl` and `wget` on the PATH of an init script.

The real program runs with every address led to the emulator; an address of somebody else is refused, and noted. Called
with the file of a `Programs` as JSON, the program's name, and its arguments.
"""

import configparser
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.seeds.init_scripts.guard.emulator_hosts import host_of, is_emulator, with_emulator
from bootstrap.seeds.init_scripts.guard.report import ENDED, MISSING, REFUSED, Entry, append

REFUSED_CODE = 125
_MISSING_CODE = 127
_ENDPOINT = "--endpoint-url"
_SHORTEST_ENDPOINT = "--endpoint"
# Options of curl whose value may look like an address and is none that is asked; short ones may end a group: -sSd.
_CURL_VALUES = frozenset("dHFoAewTXbcmKruEPQtyYz")
_CURL_LONG_VALUES = ("--data", "--header", "--form", "--output", "--user", "--request", "--referer", "--write-out")
_CURL_PROXIES = ("-x", "--proxy", "--preproxy", "--socks5", "--socks4", "--connect-to", "--resolve")


@dataclass(frozen=True, kw_only=True, slots=True)
class Programs:
    """What the stand-ins must know."""

    emulator: str
    """Its address, such as `http://127.0.0.1:4566`."""
    real: dict[str, str]
    """By name, where the program is; those that are not installed are missing."""
    log: str
    report: str
    paths: dict[str, str]
    """Folders of a container and what stands for them here."""
    fix: str
    """How the AWS command line is installed."""


class RefusedAddressError(Exception):
    """An address that is not the emulator's."""


def main() -> None:
    """Be the program that was called."""
    file, name, *arguments = sys.argv[1:]
    programs = Programs(**json.loads(Path(file).read_text()))
    sys.exit(run(programs, name, arguments, os.environ))


def run(programs: Programs, name: str, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run it; its exit code."""
    real = programs.real.get("aws" if name == "awslocal" else name)
    if real is None:
        return _end(programs, MISSING, _MISSING_CODE, f"the aws command line is not installed ({programs.fix})")
    given = [_local(argument, programs.paths) for argument in arguments]
    try:
        argv, changed = _BY_NAME[name](given, programs, environment)
    except RefusedAddressError as error:
        text = f"{name}: {error} is not the emulator, and nothing else can be reached from an init script"
        return _end(programs, REFUSED, REFUSED_CODE, text)
    code = _wait_for(real, [name if name != "awslocal" else "aws", *argv], {**environment, **changed})
    if code != 0:
        _note(programs, ENDED, code, " ".join((name, *arguments)))
    return code


def _aws(
    arguments: Sequence[str], programs: Programs, environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    kept, endpoints, profiles = [], [], []
    rest = iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        if option.startswith(_SHORTEST_ENDPOINT) and _ENDPOINT.startswith(option):
            endpoints.append(value if equals else next(rest, ""))
        elif option == "--profile":
            profiles.append(value if equals else next(rest, ""))
        else:
            kept.append(argument)
    for endpoint in endpoints:
        if endpoint and not is_emulator(host_of(endpoint)):
            raise RefusedAddressError(endpoint)
    profile = profiles[-1] if profiles else environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE")
    changed = _known_profile(profile, environment) if profile else {}
    named = ["--profile", profiles[-1]] if profiles else []
    # The last one counts, even if the script shortens the option in a way that we do not know. No proxy stands between,
    # whatever the script set or unset.
    return [*kept, *named, _ENDPOINT, programs.emulator], {**changed, "NO_PROXY": "*", "no_proxy": "*"}


def _known_profile(profile: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Give the profile dummy credentials if it has none; the region that it names, as a variable."""
    config = Path(environment.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
    credentials = Path(environment.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()
    section = profile if profile == "default" else f"profile {profile}"
    settings, secrets = _sections(config).get(section, {}), _sections(credentials).get(profile, {})
    sources = ("aws_access_key_id", "role_arn", "credential_process", "sso_session", "sso_start_url")
    if not any(name in part for name in sources for part in (settings, secrets)):
        _add(credentials, profile, ("aws_access_key_id = test", "aws_secret_access_key = test"))
    region = settings.get("region") or secrets.get("region")
    return dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), region) if region else {}


def _sections(file: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(file)
    except (configparser.Error, UnicodeDecodeError):
        return {}
    return {name: dict(parser.items(name)) for name in parser.sections()}


def _add(file: Path, profile: str, lines: Sequence[str]) -> None:
    """Append to the profile's section, or a new one, as `aws configure` would."""
    text = file.read_text() if file.exists() else ""
    heading = f"[{profile}]"
    written = text.splitlines()
    if heading in written:
        place = written.index(heading) + 1
        written[place:place] = lines
    else:
        written += [heading, *lines]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(written) + "\n")


def _curl(
    arguments: Sequence[str], programs: Programs, _environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    address = programs.emulator.partition("://")[2]
    ours = ["--noproxy", "*", "--connect-to", f"::{address}"]
    argv, value_of = [*ours], ""
    for argument in arguments:
        if value_of in _CURL_PROXIES:
            argv.pop()
        elif not _takes_value(value_of):
            argv.extend(_addresses(argument, keep_host=True, emulator=programs.emulator))
        else:
            argv.append(argument)
        value_of = argument if argument.startswith("-") else ""
        if argument == "--next":
            argv += ours
    return argv, {}


def _takes_value(option: str) -> bool:
    if option.startswith("--"):
        return option.startswith(_CURL_LONG_VALUES)
    return option.startswith("-") and option[-1:] in _CURL_VALUES


def _wget(
    arguments: Sequence[str], programs: Programs, _environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    led = [part for argument in arguments for part in _addresses(argument, keep_host=False, emulator=programs.emulator)]
    # The last one counts: a script may have switched proxies on (`-e use_proxy=yes`); after `--` there are no options.
    end = led.index("--") if "--" in led else len(led)
    return [*led[:end], "--no-proxy", *led[end:]], {}


def _addresses(argument: str, *, keep_host: bool, emulator: str) -> list[str]:
    """The argument; if it is an address, the emulator's."""
    option, equals, value = argument.partition("=")
    url = value if equals and option == "--url" else argument
    bare = url.partition("/")[0].partition(":")[0]
    if not url.lower().startswith(("http://", "https://")) and bare not in {"localhost", "127.0.0.1", "localstack"}:
        return [argument]
    if not is_emulator(host_of(url)):
        raise RefusedAddressError(url)
    if keep_host:
        return ["http://" + (url.partition("://")[2] if "://" in url else url)]
    return [with_emulator(url, emulator)]


def _local(argument: str, paths: Mapping[str, str]) -> str:
    """The argument with folders of the container replaced by what stands for them."""
    for container, here in paths.items():
        for before in ("", "file://", "fileb://"):
            if argument == before + container or argument.startswith(before + container + "/"):
                return before + here + argument[len(before + container) :]
    return argument


def _wait_for(program: str, argv: Sequence[str], environment: Mapping[str, str]) -> int:
    child = os.fork()
    if child == 0:
        try:
            os.execve(program, list(argv), dict(environment))  # noqa: S606 - the argument list is the whole program
        finally:
            os._exit(_MISSING_CODE)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def _end(programs: Programs, kind: str, code: int, text: str) -> int:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
    _note(programs, kind, code, text)
    return code


def _note(programs: Programs, kind: str, code: int, text: str) -> None:
    printed = Path(programs.log).stat().st_size if Path(programs.log).exists() else 0
    append(Path(programs.report), Entry(kind=kind, code=code, printed=printed, text=text))


_BY_NAME = {"aws": _aws, "awslocal": _aws, "curl": _curl, "wget": _wget}
NAMES = tuple(_BY_NAME)
