"""Generated init scripts that ask everybody but their emulator: endpoints, profiles, hosts and proxies at random."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Wandering:
    """One script, and the queue that it creates if it gets through to its emulator."""

    name: str
    text: str
    queue: str
    reaches: bool
    """Whether nothing but this machine, containers and LocalStack's own names is asked: then it must get through."""


HOSTS = (
    "localhost",
    "127.0.0.1",
    "127.0.0.2",
    "127.1",
    "0.0.0.0",  # noqa: S104 - an address that scripts name
    "[::1]",
    "localstack",
    "aws",
    "host.docker.internal",
    "gateway.docker.internal",
    "localhost.localstack.cloud",
    "s3.localhost.localstack.cloud",
    "sqs.us-east-1.localhost.localstack.cloud",
    "localstack.localstack.svc",
    "10.0.0.7",
    "172.17.0.1",
    "192.168.1.2",
)
"""Each of them means the emulator."""
SHORT_FORMS = frozenset({"127.1"})
"""Addresses that only some programs can read: they are the emulator's or refused, by the program."""
PUBLIC = ("sqs.eu-west-1.amazonaws.com", "203.0.113.7", "api.example.com", "169.254.169.254")


def wandering_scripts(count: int, decoys: Sequence[int], seed: int = 0) -> list[Wandering]:
    """As many scripts as asked for; `decoys` are the ports that nobody may reach."""
    return [
        _script(number, random.Random(f"{seed}/{number}"), decoys)  # noqa: S311 - the same ones each time
        for number in range(count)
    ]


def _script(number: int, chance: random.Random, decoys: Sequence[int]) -> Wandering:
    is_public = chance.random() < 1 / 8
    host = chance.choice(PUBLIC if is_public else HOSTS)
    scheme = chance.choice(("http", "http", "https"))
    url = f"{scheme}://{host}:{chance.choice(decoys)}"
    proxy = f"http://{chance.choice(('localhost', '127.0.0.1', 'proxy'))}:{chance.choice(decoys)}"
    make, suffix, strict = chance.choice(_WAYS)
    queue = f"q-{number}"
    text = make(queue, url, proxy, chance)
    reaches = strict and not is_public and host not in SHORT_FORMS
    return Wandering(name=f"{number:03}{suffix}", text=text, queue=queue, reaches=reaches)


def _by_aws(queue: str, url: str, proxy: str, chance: random.Random) -> str:
    before, options, variables = _endpoint(url, chance)
    lines = ["#!/bin/bash", "set -e", *before, *_proxies(proxy, chance)]
    program = chance.choice(("aws", "awslocal", "command aws", "env aws", "exec aws"))
    if chance.random() < 1 / 3:
        variables = [*variables, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"]
    assignments = "".join(f"export {variable}\n" for variable in variables)
    tail = chance.choice(("", " --no-verify-ssl", " --output json", " --cli-connect-timeout 3"))
    call = f"{program} {options} sqs create-queue --queue-name {queue}{tail}"
    return "\n".join([*lines, f"{assignments}{call}", ""])


def _endpoint(url: str, chance: random.Random) -> tuple[list[str], str, list[str]]:
    """What makes the AWS command line ask there: (lines before, options, variables)."""
    profile = f"[profile box]\\nregion = us-east-1\\nendpoint_url = {url}\\n"
    services = f"[default]\\nservices = mine\\n[services mine]\\nsqs =\\n  endpoint_url = {url}\\n"
    host, port = url.rpartition("//")[2].rpartition(":")[::2]
    put_together = [f"host='{host}'", f"port=$(({port} - 3 + 3))"]
    ways: Sequence[tuple[list[str], str, list[str]]] = (
        ([], f"--endpoint-url {url}", []),
        ([], f"--endpoint-url={url}", []),
        ([], f'--endpoint "{url}"', []),
        (put_together, f'--endpoint-url "{url.partition(":")[0]}://$host:$port"', []),
        ([], "", [f"AWS_ENDPOINT_URL={url}"]),
        ([], "", [f"AWS_ENDPOINT_URL_SQS={url}"]),
        ([f"printf '{profile}' >>~/.aws/config"], "--profile box", []),
        ([f"printf '{profile}' >>~/.aws/config"], "", ["AWS_PROFILE=box"]),
        ([f"printf '{services}' >~/.aws/config"], "", []),
        ([f"printf '{profile}' >mine"], "--profile box", ["AWS_CONFIG_FILE=$PWD/mine"]),
        (["aws configure set profile.box.region us-east-1"], f"--profile=box --endpoint-url {url}", []),
    )
    return chance.choice(ways)


def _proxies(proxy: str, chance: random.Random) -> list[str]:
    names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    chosen = [f"export {name}={proxy}" for name in names if chance.random() < 1 / 3]
    return [*chosen, *(["unset NO_PROXY no_proxy"] if chance.random() < 1 / 2 else [])]


def _by_boto3(queue: str, url: str, proxy: str, chance: random.Random) -> str:
    given = f"{url[:6]!r} + {url[6:]!r}" if chance.random() < 1 / 2 else repr(url)
    ways = (
        f"client = boto3.client('sqs', endpoint_url={given}, config=config)",
        f"client = boto3.session.Session().client('sqs', endpoint_url={given}, config=config)",
        f"client = boto3.resource('sqs', endpoint_url={given}, config=config).meta.client",
        f"os.environ['AWS_ENDPOINT_URL'] = {given}\nclient = boto3.client('sqs', config=config)",
        f"os.environ['AWS_ENDPOINT_URL_SQS'] = {given}\nclient = boto3.client('sqs', config=config)",
        "os.environ.pop('AWS_ENDPOINT_URL', None)\nclient = boto3.client('sqs', config=config)",
        f"pathlib.Path.home().joinpath('.aws/config').write_text('[profile box]\\nendpoint_url = ' + {given})\n"
        "client = boto3.Session(profile_name='box').client('sqs', config=config)",
    )
    proxies = chance.choice(("None", f"{{'http': {proxy!r}, 'https': {proxy!r}}}"))
    variables = [line.removeprefix("export ") for line in _proxies(proxy, chance) if line.startswith("export ")]
    return "\n".join(
        [
            "import os, pathlib, boto3, botocore.config",
            *(f"os.environ[{name!r}] = {value!r}" for name, _, value in (line.partition("=") for line in variables)),
            f"config = botocore.config.Config(proxies={proxies}, retries={{'total_max_attempts': 1}})",
            chance.choice(ways),
            f"client.create_queue(QueueName={queue!r})",
            "",
        ]
    )


def _by_curl(queue: str, url: str, proxy: str, chance: random.Random) -> str:
    data = f"-d Action=CreateQueue -d QueueName={queue}"
    host = url.rpartition("//")[2].rpartition(":")[0]
    address = proxy.rpartition("//")[2]
    decoy = f"127.0.0.1:{address.rpartition(':')[2]}"
    option = chance.choice(
        (
            "",
            f"-x {proxy}",
            f"--proxy {proxy}",
            f"--proxy={proxy}",
            f"-x{proxy}",
            f"--socks5 {address}",
            f"--preproxy {proxy}",
            f"--connect-to ::{decoy}",
            f"--resolve {host}:80:127.0.0.1",
            "-L",
            "-4",
            "-sS",
            f"-sSx {proxy}",
        )
    )
    rc = [f"echo 'proxy = {proxy}' >~/.curlrc"] if chance.random() < 1 / 4 else []
    ways = (
        f"curl -fsS -m 5 {option} {data} {url}/",
        f"curl -fsS -m 5 {option} {data} --url {url}/",
        f'target={url}; curl -fsS -m 5 {option} {data} "$target/"',
    )
    return "\n".join(["#!/bin/sh", *rc, *_proxies(proxy, chance), chance.choice(ways), ""])


def _by_wget(queue: str, url: str, proxy: str, chance: random.Random) -> str:
    option = chance.choice(("", f"-e use_proxy=yes -e http_proxy={proxy}", "--no-check-certificate"))
    rc = [f"printf 'use_proxy = on\\nhttp_proxy = {proxy}\\n' >~/.wgetrc"] if chance.random() < 1 / 4 else []
    data = f"--post-data 'Action=CreateQueue&QueueName={queue}'"
    return "\n".join(["#!/bin/sh", *rc, *_proxies(proxy, chance), f"wget -q -t 1 -T 5 -O - {option} {data} {url}/", ""])


def _by_python(queue: str, url: str, proxy: str, chance: random.Random) -> str:
    """Without a client of AWS: the standard library, past every program that stands in front."""
    host, port = url.rpartition("//")[2].rpartition(":")[::2]
    body = f"b'Action=CreateQueue&QueueName={queue}'"
    proxies = chance.choice(("{}", f"{{'http': {proxy!r}, 'https': {proxy!r}}}"))
    ways = (
        f"opener = urllib.request.build_opener(urllib.request.ProxyHandler({proxies}))\n"
        f"opener.open('http:' + '//{host}:{port}/', {body}, timeout=5).read()",
        f"there = http.client.HTTPConnection({host.strip('[]')!r}, {port}, timeout=5)\n"
        f"there.request('POST', '/', {body})\nthere.getresponse().read()",
        f"socket.create_connection(({host.strip('[]')!r}, {port}), 5).sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')",
        f"there = socket.socket()\nthere.settimeout(5)\nthere.connect_ex(('127.0.0.1', {port}))\n"
        "there.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')",
        f"import asyncio\nasync def ask():\n    _, writer = await asyncio.open_connection('127.0.0.1', {port})\n"
        "    writer.write(b'GET / HTTP/1.0\\r\\n\\r\\n')\n    await writer.drain()\nasyncio.run(ask())",
    )
    return "\n".join(["import http.client, socket, urllib.request", chance.choice(ways), ""])


def _by_nothing_of_ours(queue: str, url: str, proxy: str, chance: random.Random) -> str:
    """Programs and ways that nothing stands in front of: the system alone can keep them."""
    port = url.rpartition(":")[2]
    python = "import socket; socket.create_connection(('127.0.0.1', PORT), 3).sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')"
    python = python.replace("PORT", port)
    ways = (
        f"exec 3<>/dev/tcp/127.0.0.1/{port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3",
        f'env -i /usr/bin/env python3 -c "{python}"',
        f'python3 -I -S -c "{python}"',
        f"PATH=/usr/bin:/bin curl -m 3 -s http://127.0.0.1:{port}/",
        f"/usr/bin/curl -m 3 -s -x {proxy} http://{queue}/",
        f"$(command -pv curl) -m 3 -s http://localhost:{port}/",
        f'env -u PYTHONPATH python3 -c "{python}"',
        f"nc -w 3 127.0.0.1 {port} </dev/null",
    )
    return "\n".join(["#!/bin/bash", chance.choice(ways), ""])


_WAYS: Sequence[tuple[Callable[[str, str, str, random.Random], str], str, bool]] = (
    (_by_aws, ".sh", True),
    (_by_aws, ".sh", True),
    (_by_boto3, ".py", True),
    (_by_boto3, ".py", True),
    # An emulator may not take what is posted to it like this: only that nobody else hears it counts.
    (_by_curl, ".sh", False),
    (_by_wget, ".sh", False),
    (_by_python, ".py", False),
    (_by_nothing_of_ours, ".sh", False),
)
