"""What is not provably an emulator is never written to."""

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from threading import Event

import pytest

from bootstrap.emulators.address import Resolve, Trust
from bootstrap.emulators.endpoint import EndpointEmulator
from bootstrap.emulators.proof import prove
from bootstrap.emulators.registry import all_drivers
from bootstrap.errors import CancelledError, ExitCode, RefusedError
from bootstrap.model.stack import Driver, EmulatorSpec, Placement
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from fakes.decoy import Decoy, Reply, Seen
from fakes.emulator import fake_emulator

ENVIRONMENTS = 600
HEALTH: dict[str, object] = {
    "services": {"s3": "available"},
    "edition": "light",
    "version": "1.5.33",
    "ready_scripts": {},
}


class HastyClock:
    """Real time, sixteen times as fast, so that deadlines pass while a test watches."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() * 16

    def wait(self, event: Event, seconds: float) -> bool:
        return event.wait(seconds / 16)


@pytest.fixture
def decoy() -> Iterator[Decoy]:
    server = Decoy()
    yield server
    server.stop()


@pytest.fixture
def cancel() -> CancelToken:
    return CancelToken(HastyClock())


def http(status: str, body: bytes, *headers: str) -> bytes:
    head = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", "")
    return "\r\n".join(head).encode() + body


def sts(account: str) -> bytes:
    return http(
        "200 OK",
        b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        b"<Account>" + account.encode() + b"</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
    )


def emulator(*, health: bytes | None = None, identity: bytes | None = None) -> Reply:
    good = http("200 OK", json.dumps(HEALTH).encode())

    def reply(seen: Seen) -> bytes:
        if seen.method == "GET":
            answer = good if health is None else health
            return answer if seen.path == "/_ministack/health" else http("404 Not Found", b"")
        return sts("000000000000") if identity is None else identity

    return reply


def test_an_emulator_is_proven_and_given_as_a_number(decoy: Decoy, cancel: CancelToken) -> None:
    decoy.reply = emulator()
    proven = prove(decoy.url.replace("127.0.0.1", "localhost"), cancel, resolve=lambda _host: ["::1", "127.0.0.1"])
    assert (proven.address.url, proven.driver.name, proven.version, proven.account) == (
        decoy.url,
        Driver.MINISTACK,
        "1.5.33",
        "000000000000",
    )
    assert all(seen.harmless for seen in decoy.seen)


def test_a_name_is_looked_up_once(decoy: Decoy, cancel: CancelToken) -> None:
    decoy.reply = emulator()
    answers = iter((["127.0.0.1"], ["52.94.1.1"]))
    proven = prove(decoy.url.replace("127.0.0.1", "aws.test"), cancel, resolve=lambda _host: next(answers))
    assert proven.address.url == decoy.url


def test_another_driver_than_the_declared_one_is_refused(decoy: Decoy, cancel: CancelToken) -> None:
    decoy.reply = emulator()
    with pytest.raises(RefusedError) as refused:
        prove(decoy.url, cancel, driver=Driver.LOCALSTACK)
    assert refused.value.evidence == ("/_localstack/health: status 404",)


def test_a_redirect_is_told_and_not_followed(decoy: Decoy, cancel: CancelToken) -> None:
    decoy.reply = lambda _seen: http("302 Found", b"", f"Location: {decoy.url}/elsewhere")
    with pytest.raises(RefusedError) as refused:
        prove(decoy.url, cancel, driver=Driver.MINISTACK)
    assert refused.value.evidence == (f"/_ministack/health: status 302, redirects to {decoy.url}/elsewhere",)
    assert [seen.path for seen in decoy.seen] == ["/_ministack/health"]


def localstack(*, services: dict[str, str], identity: bytes, elsewhere: bytes = b"") -> Reply:
    health = {"services": services, "edition": "community", "version": "4.14.0"}

    def reply(seen: Seen) -> bytes:
        if seen.path == "/_localstack/health":
            return http("200 OK", json.dumps(health).encode())
        # As LocalStack does, which takes every other path for a bucket.
        return identity if seen.method == "POST" else http("404 Not Found", elsewhere)

    return reply


SWITCHED_OFF = http(
    "501 Not Implemented",
    b"<ErrorResponse><Error><Code>InternalFailure</Code><Message>Service 'sts' is not enabled. Please check your "
    b"'SERVICES' configuration variable.</Message></Error></ErrorResponse>",
)


def test_a_localstack_whose_sts_is_switched_off_is_accepted_by_its_own_words(decoy: Decoy, cancel: CancelToken) -> None:
    decoy.reply = localstack(services={"s3": "running", "sqs": "available", "sts": "disabled"}, identity=SWITCHED_OFF)
    proven = prove(decoy.url, cancel)
    assert (proven.driver.name, proven.account) == (Driver.LOCALSTACK, "000000000000")
    assert proven.services == frozenset({"s3", "sqs"})
    assert all(seen.harmless for seen in decoy.seen)


@pytest.mark.parametrize(
    ("services", "identity"),
    [
        ({"sts": "available"}, SWITCHED_OFF),
        ({"sts": "disabled"}, http("403 Forbidden", SWITCHED_OFF)),
        ({"sts": "disabled"}, http("501 Not Implemented", b"")),
        ({"sts": "disabled"}, sts("481516234208")),
    ],
)
def test_an_sts_that_is_only_said_to_be_off_proves_nothing(
    decoy: Decoy, cancel: CancelToken, services: dict[str, str], identity: bytes
) -> None:
    decoy.reply = localstack(services=services, identity=identity)
    with pytest.raises(RefusedError, match="its STS names"):
        prove(decoy.url, cancel)


def test_all_health_routes_are_asked_at_once_and_a_slow_one_is_waited_for(decoy: Decoy, cancel: CancelToken) -> None:
    asked = threading.Barrier(len(all_drivers()))
    answer = localstack(services={"sts": "running"}, identity=sts("000000000000"))

    def reply(seen: Seen) -> bytes:
        if seen.method == "GET":
            # Nobody is answered before everybody was asked.
            asked.wait(timeout=10)
        return answer(seen)

    decoy.reply = reply
    assert prove(decoy.url, cancel).driver.name is Driver.LOCALSTACK


FLOCI = {
    "services": {"s3": "running"},
    "edition": "community",
    "original_edition": "floci-always-free",
    "version": "1.6",
}


def test_the_most_specific_answer_counts(decoy: Decoy, cancel: CancelToken) -> None:
    def reply(seen: Seen) -> bytes:
        if seen.path in {"/_localstack/health", "/_floci/health"}:
            return http("200 OK", json.dumps(FLOCI).encode())
        return sts("000000000000") if seen.method == "POST" else http("404 Not Found", b"")

    decoy.reply = reply
    assert prove(decoy.url, cancel).driver.name is Driver.FLOCI


def test_a_real_account_is_refused(decoy: Decoy, cancel: CancelToken) -> None:
    decoy.reply = emulator(identity=sts("481516234208"))
    with pytest.raises(RefusedError, match="its STS names account 481516234208; nothing was written"):
        prove(decoy.url, cancel)


def test_nobody_there_is_refused(cancel: CancelToken) -> None:
    with pytest.raises(RefusedError, match=r"no emulator answers at http://127\.0\.0\.1:1") as refused:
        prove("http://127.0.0.1:1", cancel)
    assert refused.value.exit_code is ExitCode.REFUSED


def test_a_cancel_is_a_cancel(decoy: Decoy, cancel: CancelToken) -> None:
    cancel.cancel("stop")
    with pytest.raises(CancelledError):
        prove(decoy.url, cancel)


def hostile_health(dice: random.Random, here: str) -> bytes:
    word = dice.choice(["ok", "healthy", "UP", "", "{", "[]", "null", '"x"', "1", "<html>ok</html>", "[" * 5000])
    return dice.choice(
        [
            http("200 OK", word.encode()),
            http("200 OK", json.dumps({key: HEALTH[key] for key in dice.sample(sorted(HEALTH), 2)}).encode()),
            http("200 OK", json.dumps([HEALTH]).encode()),
            http(dice.choice(["201 Created", "204 No Content", "403 Forbidden"]), json.dumps(HEALTH).encode()),
            http(
                dice.choice(["301 Moved", "302 Found", "307 Temporary", "308 Permanent"]),
                json.dumps(HEALTH).encode(),
                f"Location: {here}/_ministack/health",
            ),
            b"",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            dice.randbytes(dice.randrange(1, 300)),
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n{",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ]
    )


def hostile_identity(dice: random.Random, here: str) -> bytes:
    account = dice.choice([f"{dice.randrange(10**12):012d}", "", "12", "000000000000 ", "\uff10" * 12])
    bomb = b'<!DOCTYPE a [<!ENTITY b "000000000000">]><r><GetCallerIdentityResult><Account>&b;</Account>'
    return dice.choice(
        [
            sts(account),
            http("307 Temporary", b"", f"Location: {here}/sts"),
            http("403 Forbidden", b"<ErrorResponse><Error><Code>InvalidClientTokenId</Code></Error></ErrorResponse>"),
            http("200 OK", b'{"Account": "000000000000"}'),
            http("200 OK", bomb + b"</GetCallerIdentityResult></r>"),
            http("200 OK", b"<a>" * 50),
            b"",
            dice.randbytes(40),
        ]
    )


def hostile_place(dice: random.Random, decoy: Decoy) -> tuple[str, Resolve]:
    """An endpoint that looks like the decoy's, and a resolver that lies about it."""
    bad = dice.choice(["8.8.8.8", "169.254.169.254", "52.94.5.1", "::ffff:3.5.0.1", "fe80::1", "100.64.3.2"])
    addresses = dice.sample(["127.0.0.1", "127.0.0.1", bad], 3)
    port = decoy.server_address[1]
    endpoint = dice.choice(
        [
            f"http://aws.test:{port}",
            f"http://localhost:{port}",
            f"http://sqs.us-east-1.amazonaws.com:{port}",
            f"http://127.0.0.1.aws.test:{port}",
            f"http://2130706433:{port}",
            f"http://0x7f.1:{port}",
        ]
    )
    return endpoint, lambda _host: addresses


Surroundings = Callable[[random.Random, Decoy], tuple[str, Resolve | None]]


def wrong_health(dice: random.Random, decoy: Decoy) -> tuple[str, Resolve | None]:
    decoy.reply = emulator(health=hostile_health(dice, decoy.url))
    return decoy.url, None


def wrong_identity(dice: random.Random, decoy: Decoy) -> tuple[str, Resolve | None]:
    decoy.reply = emulator(identity=hostile_identity(dice, decoy.url))
    return decoy.url, None


def wrong_place(dice: random.Random, decoy: Decoy) -> tuple[str, Resolve | None]:
    decoy.reply = emulator()
    return hostile_place(dice, decoy)


def wrong_address(dice: random.Random, decoy: Decoy) -> tuple[str, Resolve | None]:
    decoy.reply = emulator()
    host = decoy.url.removeprefix("http://")
    spoiled = dice.choice(["https://{}", "http://x@{}", "http://{}/path", "http://{}?q=1", "ftp://{}", "{}", "//{}"])
    return spoiled.format(host), None


ALL_SURROUNDINGS: list[Surroundings] = [wrong_health, wrong_identity, wrong_place, wrong_address]


def hostile_variables(dice: random.Random, decoy: Decoy) -> dict[str, str]:
    names = [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_SQS",
        "AWS_ENDPOINT_URL_SSM",
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "all_proxy",
    ]
    chosen = dict.fromkeys(dice.sample(names, dice.randrange(len(names))), decoy.url)
    return {
        **chosen,
        "AWS_PROFILE": dice.choice(["production", "default", ""]),
        "AWS_ACCESS_KEY_ID": "AKIAREALREALREALREAL",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_ACCOUNT_ID": "481516234208",
        "NO_PROXY": "",
    }


def test_no_write_reaches_a_decoy_in_any_hostile_environment(
    decoy: Decoy, cancel: CancelToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    messages: list[str] = []
    for seed in range(ENVIRONMENTS):
        dice = random.Random(seed)  # noqa: S311  # a test's dice fall the same every time
        with monkeypatch.context() as environment:
            for name, value in hostile_variables(dice, decoy).items():
                environment.setenv(name, value)
            endpoint, resolve = dice.choice(ALL_SURROUNDINGS)(dice, decoy)
            spec = EmulatorSpec(
                driver=dice.choice([Driver.AUTO, Driver.MINISTACK, Driver.LOCALSTACK, Driver.MOTO]),
                placement=Placement.ENDPOINT,
                endpoint=endpoint,
            )
            with pytest.raises(RefusedError):
                EndpointEmulator(spec, dice.choice(list(Trust)), resolve, boot_seconds=0).up(
                    Work(cancel, messages.append)
                )
        assert [seen for seen in decoy.seen if not seen.harmless] == [], f"seed {seed}"
    assert len(decoy.seen) > ENVIRONMENTS / 4, "the decoy was hardly asked: the test would prove nothing"


def test_a_peer_that_drips_or_floods_holds_nobody(decoy: Decoy, cancel: CancelToken) -> None:
    decoy.reply, decoy.drip = emulator(), True
    with pytest.raises(RefusedError, match="no emulator answers"):
        prove(decoy.url, cancel, driver=Driver.MINISTACK)
    decoy.reply, decoy.drip = lambda _seen: http("200 OK", b"[" * (5 << 20)), False
    with pytest.raises(RefusedError) as refused:
        prove(decoy.url, cancel, driver=Driver.MINISTACK)
    assert "more than 4194304 bytes" in refused.value.evidence[0]


def test_an_endpoint_that_was_just_started_is_waited_for(cancel: CancelToken) -> None:
    messages: list[str] = []
    with fake_emulator() as fake:
        fake.booting = 2
        spec = EmulatorSpec(
            driver=Driver.MINISTACK, placement=Placement.ENDPOINT, endpoint=f"http://127.0.0.1:{fake.port}"
        )
        assert EndpointEmulator(spec).up(Work(cancel, messages.append)).driver == "ministack"
    assert "accepts connections and does not answer yet" in messages[-1]
