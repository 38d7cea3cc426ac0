"""The verbs on the command line, against a running emulator and with no stack."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from bootstrap.cli.main import run
from bootstrap.errors import ExitCode
from fakes.bench import Bench

pytestmark = pytest.mark.e2e

FIXTURES = """
secretsmanager: {api: {generate: {length: 9}}}
s3: {artefacts: {objects: {a.txt: hello}}}
dynamodb: {orders: {keys: {partition: id}, items: [{id: a}]}}
"""


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def seed(bench: Bench, verb: str, *flags: str, expected: int = ExitCode.OK) -> None:
    assert run(["seed", verb, str(bench.fixtures), "--endpoint", bench.endpoint.url, *flags]) == expected


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    return dict(json.loads(capsys.readouterr().out))


def test_plan_apply_and_rest(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.write(FIXTURES)
    seed(bench, "plan", "--exit-code", "--output", "json", expected=ExitCode.WOULD_CHANGE)
    planned = result(capsys)
    assert planned["summary"] == {"create": 3}
    assert planned["calls"]["write"] == 0
    seed(bench, "apply", "--output", "json")
    assert result(capsys)["changed"] == 3
    seed(bench, "apply", "--output", "json")
    again = result(capsys)
    assert (again["changed"], again["calls"]["write"]) == (0, 0)
    seed(bench, "plan", "--exit-code")
    assert capsys.readouterr().out == "3 unchanged\n"


def test_only_and_service_narrow_what_is_done(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.write(FIXTURES)
    seed(bench, "apply", "--only", "s3/artefacts", "--output", "json")
    assert [resource["id"] for resource in result(capsys)["resources"]] == ["s3/artefacts"]
    seed(bench, "apply", "--service", "dynamodb", "--output", "json")
    assert [resource["id"] for resource in result(capsys)["resources"]] == ["dynamodb/orders"]
    seed(bench, "apply", "--only", "s3/artifacts", expected=ExitCode.USAGE)
    seed(bench, "apply", "--service", "s4", expected=ExitCode.USAGE)


def test_adopt_takes_over_what_has_the_name(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.client("s3").create_bucket(Bucket="artefacts")
    bench.write("s3: {artefacts: {versioning: true}}")
    seed(bench, "apply", "--output", "json")
    assert result(capsys)["resources"][0]["action"] == "foreign"
    seed(bench, "apply", "--adopt", "--output", "json")
    assert result(capsys)["changed"] == 1
    assert bench.client("s3").get_bucket_versioning(Bucket="artefacts")["Status"] == "Enabled"
    seed(bench, "plan", "--exit-code")


def test_reset_empties_and_keeps_generated_secrets(bench: Bench) -> None:
    bench.write(FIXTURES)
    seed(bench, "apply")
    before = bench.client("secretsmanager").get_secret_value(SecretId="api")["SecretString"]
    bench.client("s3").create_bucket(Bucket="foreign")
    seed(bench, "reset")
    buckets = {bucket["Name"] for bucket in bench.client("s3").list_buckets()["Buckets"]}
    assert "foreign" not in buckets
    assert "artefacts" in buckets
    assert bench.client("secretsmanager").get_secret_value(SecretId="api")["SecretString"] == before


def test_a_dry_run_writes_nothing(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.write(FIXTURES)
    for verb in ("apply", "refresh", "prune", "reset"):
        seed(bench, verb, "--dry-run", "--output", "json")
        printed = result(capsys)
        assert (printed["dryRun"], printed["calls"]["write"]) == (True, 0)
    assert bench.client("dynamodb").list_tables()["TableNames"] == []


def test_export_writes_files_and_guards_those_that_differ(bench: Bench, tmp_path: Path) -> None:
    bench.write(FIXTURES)
    seed(bench, "apply")
    folder = tmp_path / "exported"
    arguments = ["seed", "export", str(folder), "--endpoint", bench.endpoint.url]
    assert run(arguments) == ExitCode.OK
    assert {file.name for file in folder.glob("*.yaml")} == {"secretsmanager.yaml", "s3.yaml", "dynamodb.yaml"}
    assert stat.S_IMODE((folder / "secrets" / "api").stat().st_mode) == 0o600
    assert run(arguments) == ExitCode.OK
    (folder / "s3.yaml").write_text("mine")
    assert run(arguments) == ExitCode.USAGE
    assert run([*arguments, "--force"]) == ExitCode.OK


def test_export_narrows_to_what_is_asked_for(bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench.write(FIXTURES)
    seed(bench, "apply")
    capsys.readouterr()
    arguments = ["seed", "export", str(tmp_path / "out"), "--endpoint", bench.endpoint.url, "--output", "json"]
    assert run([*arguments, "--only", "s3/artefacts"]) == ExitCode.OK
    assert result(capsys)["resources"] == ["s3/artefacts"]
    assert run([*arguments, "--service", "dynamodb", "--force"]) == ExitCode.OK
    assert result(capsys)["resources"] == ["dynamodb/orders"]
    assert run([*arguments, "--only", "s3/nowhere"]) == ExitCode.USAGE


def test_prune_narrows_to_what_is_no_longer_declared(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.write(FIXTURES)
    seed(bench, "apply")
    bench.write("secretsmanager: {api: {generate: {length: 9}}}")
    seed(bench, "prune", "--only", "s3/nowhere", expected=ExitCode.USAGE)
    capsys.readouterr()
    seed(bench, "prune", "--only", "s3/artefacts", "--output", "json")
    assert [resource["id"] for resource in result(capsys)["resources"]] == ["s3/artefacts"]
    assert bench.client("dynamodb").list_tables()["TableNames"] == ["orders"]


def test_a_dry_run_tells_which_secrets_would_be_rotated(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.write(
        "secretsmanager: {api: {generate: {length: 9}}, part: {json: {key: {generate: {}}}}, given: {string: x}}"
    )
    seed(bench, "apply")
    before = bench.client("secretsmanager").get_secret_value(SecretId="api")["SecretString"]
    capsys.readouterr()
    seed(bench, "refresh", "--rotate", "--dry-run", "--output", "json")
    printed = result(capsys)
    assert {resource["id"]: resource["action"] for resource in printed["resources"]} == {
        "secretsmanager/api": "update",
        "secretsmanager/part": "update",
        "secretsmanager/given": "unchanged",
    }
    assert before not in json.dumps(printed)
    assert bench.client("secretsmanager").get_secret_value(SecretId="api")["SecretString"] == before
    seed(bench, "plan", "--exit-code")
    seed(bench, "refresh", "--rotate")
    assert bench.client("secretsmanager").get_secret_value(SecretId="api")["SecretString"] != before
    seed(bench, "plan", "--exit-code")


def test_refresh_says_what_it_does_again(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.write("sqs: {orders: {messages: [one]}}")
    seed(bench, "apply")
    capsys.readouterr()
    seed(bench, "refresh", "--dry-run")
    assert capsys.readouterr().out.startswith("! sqs/orders: drifted (done again: messages)\n    messages: again\n")


def test_the_incarnation_is_that_of_the_data(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    def output_of(verb: str, *flags: str) -> str:
        seed(bench, verb, *flags, "--output", "json")
        return str(result(capsys)["incarnation"])

    bench.write("s3: {artefacts: {}}")
    assert output_of("apply", "--dry-run") == ""
    first = output_of("apply")
    assert first
    assert output_of("apply") == first
    assert output_of("reset") != first


def test_the_users_environment_leads_nowhere(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.write_text("[default]\nendpoint_url = http://127.0.0.1:9\nregion = xx-nowhere-1\n[profile evil]\n")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(hostile))
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    monkeypatch.setenv("AWS_REGION", "xx-nowhere-1")
    assert "AWS_PROFILE" in os.environ
    bench.write(FIXTURES)
    seed(bench, "apply")
    seed(bench, "plan", "--exit-code")
