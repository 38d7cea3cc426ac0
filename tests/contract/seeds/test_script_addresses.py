"""An init script reaches its emulator and nothing else, whatever it asks."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.errors import InvalidError, StepFailedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from bootstrap.seeds.init_scripts import run
from bootstrap.seeds.init_scripts.guard.confinement import Guard
from bootstrap.system.clock import CancelToken, SystemClock
from bootstrap.system.processes import SystemProcesses
from bootstrap.system.sockets import is_free
from bootstrap.system.work import Work
from fakes.bench import Bench, running
from fakes.decoy import Decoy

pytestmark = pytest.mark.e2e

LOCALSTACK_PORT = 4566


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorEndpoint]:
    with running(Driver.MINISTACK, tmp_path_factory.mktemp("ministack")) as endpoint_:
        yield endpoint_


@pytest.fixture
def bench(endpoint: EmulatorEndpoint, tmp_path: Path) -> Bench:
    new_bench = Bench(endpoint=endpoint, folder=tmp_path)
    new_bench.empty()
    (new_bench.fixtures / "ready.d").mkdir(parents=True)
    new_bench.write("")
    return new_bench


@pytest.fixture
def decoys() -> Iterator[list[Decoy]]:
    """Two listeners that must hear nothing; one of them where everybody expects LocalStack, if nobody else is there."""
    new_decoys = [Decoy(LOCALSTACK_PORT if is_free(LOCALSTACK_PORT) else 0), Decoy()]
    yield new_decoys
    for decoy in new_decoys:
        decoy.stop()
    assert [decoy.seen for decoy in new_decoys] == [[], []]


@pytest.fixture(params=[guard for guard in Guard if guard is not Guard.SANDBOX], ids=str)
def guard(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Guard:
    """Each of the guards that this system has, and none."""
    chosen = Guard(request.param)
    if chosen is not Guard.NONE and not run.holds(chosen, SystemProcesses(SystemClock()), work()):
        pytest.skip(f"this system has no {chosen}")
    monkeypatch.setattr(run, "strongest_guard", lambda *_: chosen)
    return chosen


def work() -> Work:
    return Work(CancelToken(SystemClock()))


def script(bench: Bench, name: str, text: str) -> Path:
    file = bench.fixtures / "ready.d" / name
    file.write_text(text)
    return file


def queues(bench: Bench) -> list[str]:
    return sorted(url.rpartition("/")[2] for url in bench.client("sqs").list_queues().get("QueueUrls", ()))


def test_every_endpoint_of_the_aws_command_line_leads_to_the_emulator(
    bench: Bench, decoys: list[Decoy], guard: Guard
) -> None:
    port = decoys[1].server_address[1]
    script(
        bench,
        "10.sh",
        f"""#!/bin/bash
set -e
half={port - 7}
create() {{ "$@" sqs create-queue >/dev/null --queue-name "q-$((++number))"; }}
create aws --endpoint-url=http://localhost:{port}
create awslocal --endpoint-url http://127.0.0.1:4566
create aws --endpoint-url "http://localhost:$((half + 7))"
create aws --endpoint-url https://localhost.localstack.cloud:4566
create aws --endpoint http://localstack:{port}
AWS_ENDPOINT_URL=http://localhost:{port} create aws
AWS_ENDPOINT_URL_SQS=http://localhost:{port} create aws
HTTP_PROXY=http://localhost:{port} http_proxy=http://localhost:{port} NO_PROXY= no_proxy= create aws
printf '[profile box]\\nregion = eu-west-1\\nendpoint_url = http://localhost:{port}\\n' >>~/.aws/config
create aws --profile box --region us-east-1
AWS_PROFILE=box create aws --region us-east-1
AWS_CONFIG_FILE=$PWD/none AWS_SHARED_CREDENTIALS_FILE=$PWD/none create aws --profile other
""",
    )
    bench.apply()
    assert queues(bench) == sorted(f"q-{number}" for number in range(1, 12))
    assert guard in Guard


def test_every_endpoint_of_boto3_leads_to_the_emulator(bench: Bench, decoys: list[Decoy], guard: Guard) -> None:
    port = decoys[1].server_address[1]
    script(
        bench,
        "10.py",
        f"""
import boto3, botocore.config, http.client, itertools, os, pathlib, socket, urllib.request
number = itertools.count(1)
once = botocore.config.Config(retries={{"total_max_attempts": 1}})
def create(client):
    client.create_queue(QueueName=f"q-{{next(number)}}")
create(boto3.client("sqs", endpoint_url="http://localhost:{port}"))
create(boto3.client("sqs", endpoint_url="http://localhost:%d" % ({port} + 1 - 1)))
create(boto3.client("sqs", endpoint_url="https://localhost.localstack.cloud:4566"))
create(boto3.resource("sqs", endpoint_url="http://localstack:4566"))
os.environ["AWS_ENDPOINT_URL_SQS"] = "http://127.0.0.1:{port}"
create(boto3.client("sqs"))
del os.environ["AWS_ENDPOINT_URL_SQS"], os.environ["AWS_ENDPOINT_URL"]
create(boto3.client("sqs"))
pathlib.Path.home().joinpath(".aws/config").write_text("[profile box]\\nendpoint_url = http://localhost:{port}\\n")
create(boto3.Session(profile_name="box").client("sqs"))
for way in (
    lambda: urllib.request.urlopen("http://localhost:{port}/", timeout=5).read(),
    lambda: http.client.HTTPConnection("127.0.0.1", {port}, timeout=5).request("GET", "/"),
    lambda: socket.create_connection(("::1", {port}), 5).close(),
    lambda: urllib.request.urlopen("http:" + "//203.0.113.7:{port}/", timeout=5).read(),
    lambda: socket.create_connection(("203.0.113.7", 443), 5),
    lambda: boto3.client("sqs", endpoint_url="https:" + "//sqs.eu-west-1.amazonaws.com", config=once).list_queues(),
):
    try:
        way()
    except Exception as error:
        print(type(error).__name__, error)
""",
    )
    bench.apply()
    assert queues(bench) == sorted(f"q-{number}" for number in range(1, 8))
    printed = (bench.folder / "seeds" / "logs" / "10.py.log").read_text()
    assert "an init script reaches its emulator only, not 203.0.113.7" in printed
    assert guard in Guard


def test_what_stands_before_no_program_of_ours_is_held_by_the_system(
    bench: Bench, decoys: list[Decoy], guard: Guard
) -> None:
    if guard is Guard.NONE:
        pytest.skip("refused instead: see the next test")
    port = decoys[1].server_address[1]
    file = script(
        bench,
        "10.sh",
        f"""#!/bin/bash
(exec 3<>/dev/tcp/127.0.0.1/{port} && echo 'GET / HTTP/1.0' >&3) || echo no
(exec 3<>/dev/tcp/127.0.0.1/4566 && printf 'GET /_ministack/health HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3) || echo no
env -i {sys.executable} -I -S -c 'import socket
for port in (4566, {port}):
    try: socket.create_connection(("127.0.0.1", port), 3).sendall(b"GET /from-python HTTP/1.0\\r\\n\\r\\n")
    except OSError as error: print("no", error)' || echo no
$(command -pv curl) -s http://localhost:{port}/ || echo no
exit 0
""",
    )
    bench.apply()
    assert file.exists()


def test_without_a_guard_such_a_program_is_refused_with_its_line(
    bench: Bench, decoys: list[Decoy], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "strongest_guard", lambda *_: Guard.NONE)
    port = decoys[1].server_address[1]
    file = script(bench, "10.sh", f"#!/bin/bash\naws s3 mb s3://first\nnc 127.0.0.1 {port} </dev/null\n")
    with pytest.raises(InvalidError) as refused:
        bench.apply()
    what = "nc could reach other addresses than the emulator, and this system cannot prevent that"
    assert [str(problem) for problem in refused.value.problems] == [f"{file}:3: {what}"]
    assert [bucket["Name"] for bucket in bench.client("s3").list_buckets()["Buckets"]] == []


@pytest.mark.parametrize(
    ("name", "line", "address"),
    [
        ("10.sh", "aws --endpoint-url https://sqs.us-east-1.amazonaws.com sqs list-queues", "sqs.us-east-1.amazonaws"),
        ("10.sh", "export AWS_ENDPOINT_URL=https://s3.example.com", "https://s3.example.com"),
        ("10.sh", "curl -sf http://192.0.2.1.example.com/x -o x", "http://192.0.2.1.example.com/x"),
        ("10.py", "c = boto3.client('sqs', endpoint_url='https://sqs.us-east-1.amazonaws.com')", "sqs.us-east-1"),
    ],
)
def test_an_address_of_somebody_else_is_refused_before_anything_is_written(
    bench: Bench, name: str, line: str, address: str
) -> None:
    bench.write("sqs: {declared: {}}")
    file = script(bench, name, f"#!/bin/bash\n{line}\n")
    for verb in (bench.plan, bench.apply):
        with pytest.raises(InvalidError) as refused:
            verb()
        [problem] = refused.value.problems
        assert str(problem).startswith(f"{file}:2: ")
        assert address in problem.text
        assert "is not the emulator" in problem.text
        assert refused.value.fix is not None
    assert queues(bench) == []


def test_an_address_that_is_made_up_while_it_runs_fails_the_script_whatever_it_makes_of_it(bench: Bench) -> None:
    script(
        bench,
        "10.sh",
        '#!/bin/bash\nhost=amazonaws\naws --endpoint-url "https://sqs.$host.com" sqs list-queues || true\n',
    )
    with pytest.raises(StepFailedError) as failed:
        bench.apply()
    assert "https://sqs.amazonaws.com is not the emulator" in failed.value.what
    assert bench.plan().resources[0].reason == "has not run"


def test_a_helper_beside_it_is_read_too_and_what_is_only_data_is_not(bench: Bench) -> None:
    helper = script(bench, "lib.bash", "wait() { curl https://api.example.com/health; }\n")
    script(bench, "handler.js", "fetch('https://api.example.com')\n")
    script(bench, "10.sh", '#!/bin/bash\nset -e\nsource "$(dirname "$0")/lib.bash"\nzip -q code.zip handler.js\n')
    with pytest.raises(InvalidError) as refused:
        bench.plan()
    assert [str(problem.place) for problem in refused.value.problems] == [f"{helper}:1"]
