"""What is read from init scripts before they start: hosts, addresses, ports, profiles and first lines."""

import shutil
import sys
from pathlib import Path

import pytest

from bootstrap.errors import InvalidError
from bootstrap.seeds.init_scripts.addresses import foreign_addresses, local_ports, profiles, unled_programs
from bootstrap.seeds.init_scripts.first_line import interpreter_of
from bootstrap.seeds.init_scripts.guard.emulator_hosts import host_of, is_emulator, with_emulator
from bootstrap.seeds.init_scripts.scripts import scripts_of, texts_of

FILE = Path("10.sh")


def refused(text: str) -> list[int | None]:
    """The lines that are."""
    return [problem.place.line for problem in foreign_addresses({FILE: text})]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "127.9.9.9",
        "[::1]",
        "::ffff:127.0.0.1",
        "0.0.0.0",  # noqa: S104 - what scripts write, bound by nobody
        "localstack",
        "localstack_main",
        "localhost.localstack.cloud",
        "bucket.s3.localhost.localstack.cloud",
        "host.docker.internal",
        "localstack.localstack.svc.cluster.local",
        "172.17.0.2",
        "",
    ],
)
def test_a_host_by_which_scripts_mean_their_emulator(host: str) -> None:
    assert is_emulator(host)


@pytest.mark.parametrize(
    "host",
    [
        "amazonaws.com",
        "sqs.us-east-1.amazonaws.com",
        "localhost.localstack.cloud.example.com",
        "localstack.cloud",
        "8.8.8.8",
        "203.0.113.7",
        "169.254.169.254",
        "2001:db8::1",
    ],
)
def test_a_host_of_somebody_else(host: str) -> None:
    assert not is_emulator(host)


def test_an_address_is_led_with_its_path() -> None:
    assert host_of("localhost:4566/x") == "localhost"
    assert host_of("http://[::1]:80") == "::1"
    led = with_emulator("https://localhost.localstack.cloud:4566/a/b?c=d", "http://127.0.0.1:9000")
    assert led == "http://127.0.0.1:9000/a/b?c=d"


@pytest.mark.parametrize(
    "line",
    [
        "aws --endpoint-url=https://sqs.us-east-1.amazonaws.com sqs list-queues",
        "aws sqs list-queues --endpoint-url 'https://sqs.us-east-1.amazonaws.com'",
        "export AWS_ENDPOINT_URL_S3=https://minio.example.com",
        'os.environ["AWS_ENDPOINT_URL"] = "https://api.example.com"',
        "endpoint_url = https://minio.example.com",
        'boto3.client("sqs", endpoint_url="https://sqs.eu-west-1.amazonaws.com")',
        "curl -fsSL https://example.com/a.tgz -o a.tgz",
        'requests.post("https://api.example.com/x", json={})',
        "wget -q http://169.254.169.254/latest/meta-data",
    ],
)
def test_an_endpoint_of_somebody_else_is_refused(line: str) -> None:
    assert refused(f"#!/bin/bash\n\n{line}\n") == [3]


def test_an_endpoint_that_a_variable_holds_is_read_too() -> None:
    assert refused('URL=https://s3.amazonaws.com\naws --endpoint-url "$URL" s3 ls\n') == [2]
    assert refused('URL=http://localhost:4566\naws --endpoint-url "${URL}" s3 ls\n') == []


@pytest.mark.parametrize(
    "line",
    [
        "aws --endpoint-url http://localhost:4566 sqs list-queues",
        "aws --endpoint-url http://$HOST:$PORT sqs list-queues",
        "# curl https://example.com",
        "echo 'see https://docs.localstack.cloud'",
        "aws sns subscribe --notification-endpoint https://hooks.example.com/x --protocol https",
        'aws s3api put-bucket-cors --cors-configuration \'{"AllowedOrigins": ["https://app.example.com"]}\'',
        "curl http://localhost:4566/x -H 'Origin: https://app.example.com' -d '{\"to\": \"https://example.com\"}'",
        "aws sqs send-message --queue-url https://sqs.us-east-1.amazonaws.com/000000000000/q --message-body x",
        "WEBHOOK_ENDPOINT=https://hooks.example.com",
    ],
)
def test_an_address_that_is_data_is_not(line: str) -> None:
    assert refused(line) == []


def test_programs_that_nothing_of_ours_stands_before() -> None:
    text = "nc -z localhost 1\naws s3 ls\nexec 3<>/dev/tcp/localhost/1\nenv -i python x\n/usr/bin/curl x\njq . x.json\n"
    assert [problem.place.line for problem in unled_programs({FILE: text})] == [1, 3, 4, 5]


def test_ports_and_profiles_are_found() -> None:
    assert local_ports(["curl localhost:45982/x http://127.0.0.1:4566"]) == {45982, 4566}
    used = "aws --profile=toolbox x\nexport AWS_PROFILE='a-b'\nSession(profile_name=\"z\")"
    assert profiles([used]) == {"toolbox", "a-b", "z"}


def test_files_that_a_script_starts_are_read_with_it(tmp_path: Path) -> None:
    texts = {
        "10.sh": 'source "$(dirname "$0")/lib/one.bash"\npython3 two.py\nzip x.zip data.py\n. ./three.env\n',
        "lib/one.bash": "bash /etc/localstack/init/ready.d/four.bash",
        "two.py": "import five\n",
        "data.py": "",
        "three.env": "",
        "four.bash": "",
        "five.py": "",
        "six.bash": "",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    [script] = [candidate for candidate in scripts_of(tmp_path) if candidate.file.name == "10.sh"]
    read = {str(file.relative_to(tmp_path)) for file in texts_of(script)}
    assert read == {"10.sh", "lib/one.bash", "two.py", "three.env", "four.bash", "five.py"}


def problem_of(tmp_path: Path, content: bytes, name: str = "10.sh") -> str:
    file = tmp_path / name
    file.write_bytes(content)
    try:
        interpreter = interpreter_of(file, "/usr/bin:/bin")
    except InvalidError as error:
        return str(error).replace(f"{tmp_path}/", "")
    return f"{' '.join(interpreter.argv)}|{interpreter.note.replace(f'{tmp_path}/', '')}"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"#!/bin/sh\n", "/bin/sh|"),
        (b"#! /bin/sh -e\n", "/bin/sh -e|"),
        (b"#!/usr/bin/env -S bash -e\n", "/usr/bin/env -S bash -e|"),
        (b"#!/bin/sh\r\necho\r\n", "10.sh:1: ends in a carriage return: the file has Windows line endings"),
        (b"#!/bin/sh\necho\r\n", "10.sh:2: ends in a carriage return"),
        (b"\xef\xbb\xbf#!/bin/sh\n", "10.sh:1: begins with a byte order mark"),
        (b"#!bin/sh\n", "10.sh:1: bin/sh is not an absolute path (write: #!/"),
        (b"#!/opt/none/fish\n", "10.sh:1: /opt/none/fish is not there (install fish, or write: #!/usr/bin/env bash)"),
        (b"#!/bin/sh -c 'x\n", "10.sh:1: -c 'x is passed to sh literally, with its quotes (write: #!/bin/sh)"),
        (
            b"#!/usr/bin/env sh -e\n",
            "10.sh:1: 'sh -e' is passed to /usr/bin/env as one argument (write: #!/usr/bin/env -S",
        ),
        (b"#!/usr/bin/env nosuchshell\n", "10.sh:1: nosuchshell is not installed"),
        (b"#!\n", "10.sh:1: `#!` names no program"),
    ],
)
def test_the_first_line_decides_or_is_told_in_words(tmp_path: Path, content: bytes, expected: str) -> None:
    assert problem_of(tmp_path, content).startswith(expected)


def test_a_script_without_a_first_line_is_run_by_bash_and_says_so(tmp_path: Path) -> None:
    bash = shutil.which("bash", path="/usr/bin:/bin")
    assert problem_of(tmp_path, b"echo\n") == f"{bash}|10.sh:1: there is no `#!` line; the script is run by {bash}"
    late = problem_of(tmp_path, b"\n#!/bin/sh\n")
    assert "10.sh:2: `#!` must be at the very beginning of the file" in late
    assert "'# !/bin/sh' is not a `#!` line" in problem_of(tmp_path, b"# !/bin/sh\n")


def test_python_needs_no_first_line_and_reads_any_line_end(tmp_path: Path) -> None:
    assert problem_of(tmp_path, b"print()\r\n", "10.py") == f"{sys.executable}|"


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "10.sh").symlink_to(tmp_path / "gone")
    [script] = scripts_of(tmp_path)
    with pytest.raises(InvalidError, match="is a broken link"):
        interpreter_of(script.file, "/usr/bin:/bin")


def contents(folder: Path) -> dict[str, str]:
    return {script.id.name: script.content for script in scripts_of(folder)}


def test_content_is_all_that_a_script_can_read_and_no_other_script(tmp_path: Path) -> None:
    folder = tmp_path / "ready.d"
    folder.mkdir()
    (folder / "10.sh").write_text("awslocal s3 cp prices.json s3://x\n")
    alone = contents(folder)
    (folder / "20.sh").write_text("bash 10.sh\n")
    assert contents(folder)["10.sh"] == alone["10.sh"]
    (folder / "prices.json").write_text("1")
    first = contents(folder)
    (folder / "prices.json").write_text("2")
    second = contents(folder)
    assert (first["10.sh"] != second["10.sh"], first["20.sh"] != second["20.sh"]) == (True, True)
    (folder / "20.sh").write_text("bash 10.sh  # changed\n")
    assert contents(folder)["10.sh"] == second["10.sh"]
    (folder / "10.sh").write_text("# changed\n")
    assert contents(folder)["20.sh"] not in {first["20.sh"], second["20.sh"]}


def test_content_includes_what_lies_beside_for_a_script_that_looks_there(tmp_path: Path) -> None:
    folder = tmp_path / "ready.d"
    folder.mkdir()
    (folder / "10.sh").write_text("cat ../data.json\n")
    (folder / "20.sh").write_text("echo\n")
    (tmp_path / "data.json").write_text("1")
    first = contents(folder)
    (tmp_path / "data.json").write_text("2")
    second = contents(folder)
    assert first["10.sh"] != second["10.sh"]
    assert first["20.sh"] == second["20.sh"]


def test_scripts_are_in_order_and_those_in_folders_run_only_if_they_can(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("20.py", "10.sh", "notes.txt", "sub/lib.sh", "sub/05.sh"):
        (tmp_path / name).write_text("")
    (tmp_path / "sub/05.sh").chmod(0o755)
    assert [script.id.name for script in scripts_of(tmp_path)] == ["10.sh", "20.py", "sub/05.sh"]


@pytest.mark.parametrize(
    ("line", "is_unled"),
    [
        ("$(command -pv curl) -s http://localhost:8080/", True),
        ("command -p curl http://localhost:8080/", True),
        ("command -v aws", False),
        ("env --ignore-environment python3 make.py", True),
        ("env - python3 make.py", True),
        ("env REGION=eu-west-1 aws s3 ls", False),
        ("busybox wget http://localhost:8080/", True),
        ("awslocal sqs create-queue --queue-name su", False),
    ],
)
def test_ways_past_the_programs_in_front_are_seen(line: str, is_unled: bool) -> None:
    assert bool(list(unled_programs({FILE: line}))) is is_unled
