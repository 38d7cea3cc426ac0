"""The addresses that a script is written to ask, read from its text before it starts.

Reading cannot see what a script makes up while it runs: the guard and the programs in front of `aws` and `curl` hold
that. What it sees is reported at once, with its line.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bootstrap.errors import Place, Problem
from bootstrap.seeds.init_scripts.guard.emulator_hosts import host_of, is_emulator

_URL = r"[a-z][a-z0-9+.-]*://[^\s\"'`<>|;,)}\]]+"
_NAME = r"\$\{?(?P<name>[A-Za-z_]\w*)"
_POSITION = re.compile(
    r"(?:(?<![\w-])--endpoint(?:-url)?[=\s]+|(?<![\w-])(?:endpoint_url|endpointUrl|endpoint)\s*[=:]\s*"
    r"|(?<![\w-])(?:\w*AWS_ENDPOINT\w*|\w*LOCALSTACK_(?:URL|ENDPOINT)\w*|ENDPOINT(?:_URL)?)[\"']?\]?\s*[=:,]\s*)"
    rf"[\"']?(?:(?P<url>{_URL})|{_NAME})",
    re.IGNORECASE,
)
_FETCH = re.compile(
    r"(?<![\w./-])(?:curl|wget|https?|xh|aria2c|git\s+clone)(?=\s)(?P<rest>.*)"
    r"|(?:requests|httpx|session)\.\w+\((?P<call>.*)|(?:urlopen|urlretrieve|Request)\((?P<open>.*)",
    re.IGNORECASE,
)
_ASSIGNMENT = r"(?m)^\s*(?:export\s+|local\s+|readonly\s+|declare\s+(?:-\w+\s+)*)?{name}\s*=\s*[\"']?({url})"
_PROFILE = re.compile(
    r"(?:--profile[=\s]+|AWS_(?:DEFAULT_)?PROFILE\s*=\s*|profile_name\s*=\s*)[\"']?(?P<name>[\w.@+-]+)"
)
_PORT = re.compile(
    r"(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[?::1\]?|localhost\.localstack\.cloud)[:/](?P<port>\d{2,5})\b"
)
_LINE_ENDING_COMMENT = re.compile(r"^\s*#")
# Programs whose connections nothing but the system could lead elsewhere.
_UNLED = re.compile(
    r"/dev/(?:tcp|udp)/|(?<![\w./-])(?:nc|ncat|netcat|telnet|socat|ssh|scp|node|nodejs|deno|bun|ruby|perl|php|java|go|"
    r"docker|podman|kubectl|terraform|tofu|sam|cdk|pulumi|http|https|xh|grpcurl|openssl|busybox|sudo|doas|su|ftp|lynx|rsync|"
    r"redis-cli|mysql|psql|dig|nslookup|ping)(?=\s)"
    r"|(?<![\w.])env\s+(?:-\w*[iuS]|--(?:ignore|unset|split)|-\s)|(?<![\w.-])command\s+-\w*p|(?<![\w])PATH=|\bpython[\d.]*\s+-[a-zA-Z]*[IES]"
    r"|/bin/(?:aws|awslocal|curl|wget|python[\d.]*)\b|\bPYTHONPATH\b"
)


def foreign_addresses(texts: Mapping[Path, str]) -> Iterator[Problem]:
    """Every place in which one of the files asks an address that cannot be the emulator's."""
    everything = "\n".join(texts.values())
    for file, text in texts.items():
        for number, line in _lines(text):
            for url in _asked(line, everything):
                if _is_literal(url) and not is_emulator(host_of(url)):
                    said = (
                        f"{url} is not the emulator: an init script reaches its stack's emulator and nothing else "
                        "(leave the address out: aws, awslocal and boto3 ask the emulator by themselves)"
                    )
                    yield Problem(place=Place(file=str(file), line=number), text=said)


def unled_programs(texts: Mapping[Path, str]) -> Iterator[Problem]:
    """Every place in which a program is started that only the system could keep from other addresses."""
    for file, text in texts.items():
        for number, line in _lines(text):
            if match := _UNLED.search(line):
                what = "could reach other addresses than the emulator, and this system cannot prevent that"
                said = f"{match[0].strip()} {what}"
                yield Problem(place=Place(file=str(file), line=number), text=said)


def local_ports(texts: Iterable[str]) -> frozenset[int]:
    """Ports of this machine that are named somewhere."""
    ports = {int(match["port"]) for text in texts for match in _PORT.finditer(text)}
    return frozenset(port for port in ports if 0 < port < 1 << 16)


def profiles(texts: Iterable[str]) -> frozenset[str]:
    """AWS profiles that are used by name."""
    return frozenset(match["name"] for text in texts for match in _PROFILE.finditer(text))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not _LINE_ENDING_COMMENT.match(line):
            yield number, line


def _asked(line: str, everything: str) -> Iterator[str]:
    for match in _POSITION.finditer(line):
        if match["url"]:
            yield match["url"]
        else:
            yield from re.findall(_ASSIGNMENT.format(name=re.escape(match["name"]), url=_URL), everything)
    for match in _FETCH.finditer(line):
        rest = match["rest"] or match["call"] or match["open"] or ""
        yield from re.findall(rf"(?:^|[\s\"'(=])({_URL})", _without_data(rest))


def _without_data(rest: str) -> str:
    """The rest of a command without the values of options that carry data or headers."""
    option = r"(?:\s|^)(?:-[dHFuAe]|--(?:data|header|form|user|referer)[\w-]*)[=\s]\s*"
    return re.sub(rf"{option}(?:\"[^\"]*\"|'[^']*'|\S+)", " ", rest)


def _is_literal(url: str) -> bool:
    """Whether its host stands there as it will be asked."""
    scheme, _, rest = url.partition("://")
    return (
        scheme.lower() in {"http", "https", "ftp"}
        and "$" not in rest.partition("/")[0]
        and "{" not in rest.partition("/")[0]
    )
