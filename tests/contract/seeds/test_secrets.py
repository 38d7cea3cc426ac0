"""Secrets as fixtures declare them, read back through plain boto3."""

import json
import stat

import pytest

from bootstrap.errors import InvalidError
from bootstrap.seeds.export import export
from bootstrap.seeds.observe import Options
from bootstrap.seeds.seeding import raise_failures
from bootstrap.seeds.services.registry import all_services
from bootstrap.system.work import Work
from fakes.bench import Bench, quiet

pytestmark = pytest.mark.e2e


def value(bench: Bench, name: str) -> str:
    return str(bench.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])


def test_a_secret_without_a_value_is_in_nobodys_way(bench: Bench) -> None:
    bench.client("secretsmanager").create_secret(Name="theirs")
    bench.client("secretsmanager").create_secret(Name="given")
    bench.write("secretsmanager: {given: {string: now}, mine: {string: x}}")
    raise_failures(bench.seeding().apply_fixtures(bench.endpoint, Work(bench.cancel, quiet), Options(adopt=True)))
    assert bench.client("secretsmanager").get_secret_value(SecretId="given")["SecretString"] == "now"
    bench.settled()
    exported = export(bench.endpoint, all_services(), Options().covers, bench.cancel)
    assert b"  theirs:\n    none: true\n" in exported.files["secretsmanager.yaml"]
    assert "secrets/theirs" not in exported.files


def test_every_kind_of_value_reads_back(bench: Bench) -> None:
    bench.fixtures.mkdir()
    (bench.fixtures / "key.pem").write_text("-----BEGIN-----\n")
    (bench.fixtures / "raw.bin").write_bytes(bytes([255, 0, 1]))
    bench.environment = {"API_KEY": "from-env"}
    bench.apply(
        """
        s3: {artefacts: {}}
        secretsmanager:
          text: {string: "costs $${5}", description: Said once, tags: {team: sales}}
          json: {json: {user: ü, port: 5432, bucket: "${ref:s3/artefacts.arn}", list: [1, true, null]}}
          binary: {binary: AAEC/w==}
          file: {file: key.pem}
          raw: {file: raw.bin}
          env: {env: API_KEY}
          fallback: {env: {name: NOT_SET, default: fallback}}
          policed:
            string: x
            policy: {Version: "2012-10-17", Statement: [{Effect: Deny, Principal: "*", Action: "*", Resource: "*"}]}
        """
    )
    client = bench.client("secretsmanager")
    assert value(bench, "text") == "costs ${5}"
    described = client.describe_secret(SecretId="text")
    assert described["Description"] == "Said once"
    assert {tag["Key"]: tag["Value"] for tag in described["Tags"]} == {
        "team": "sales",
        "bootstrap.dev/owner": bench.owner,
    }
    bucket = "arn:aws:s3:::artefacts"
    expected = {"user": "ü", "port": 5432, "bucket": bucket, "list": [1, True, None]}
    assert json.loads(value(bench, "json")) == expected
    assert client.get_secret_value(SecretId="binary")["SecretBinary"] == bytes([0, 1, 2, 255])
    assert value(bench, "file") == "-----BEGIN-----\n"
    assert client.get_secret_value(SecretId="raw")["SecretBinary"] == bytes([255, 0, 1])
    assert (value(bench, "env"), value(bench, "fallback")) == ("from-env", "fallback")
    policy = json.loads(client.get_resource_policy(SecretId="policed")["ResourcePolicy"])
    assert policy["Statement"][0]["Effect"] == "Deny"
    bench.settled()


GENERATED = """
secretsmanager:
  whole: {generate: {length: 12, alphabet: "01"}}
  inside: {json: {user: admin, password: {generate: {length: 20}}}}
"""


def test_generated_values_outlive_a_reset_and_end_with_rotate(bench: Bench) -> None:
    bench.apply(GENERATED)
    whole, inside = value(bench, "whole"), json.loads(value(bench, "inside"))
    assert len(whole) == 12
    assert set(whole) <= set("01")
    assert len(inside["password"]) == 20
    file = bench.folder / "seeds" / "generated.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    bench.empty()
    bench.apply()
    assert (value(bench, "whole"), json.loads(value(bench, "inside"))) == (whole, inside)
    bench.refresh()
    assert json.loads(value(bench, "inside")) == inside
    bench.seeding().refresh(bench.endpoint, Work(bench.cancel, quiet), Options(rotate=True))
    assert json.loads(value(bench, "inside"))["password"] != inside["password"]
    bench.settled()


def test_a_lost_state_folder_does_not_change_a_generated_value(bench: Bench) -> None:
    bench.apply(GENERATED)
    inside = value(bench, "inside")
    (bench.folder / "seeds" / "generated.json").unlink()
    bench.settled()
    assert value(bench, "inside") == inside


def test_no_value_is_ever_shown(bench: Bench) -> None:
    bench.write("secretsmanager: {api: {string: hush-hush}}")
    printed = [json.dumps(bench.plan().to_json()), json.dumps(bench.apply().to_json())]
    bench.client("secretsmanager").put_secret_value(SecretId="api", SecretString="somebody-else")
    printed.append(json.dumps(bench.plan().to_json()))
    assert bench.differing() == {"secretsmanager/api: value": "drifted"}
    for text in printed:
        assert "hush-hush" not in text
        assert "somebody-else" not in text
    bench.refresh()
    assert value(bench, "api") == "hush-hush"
    bench.settled()


def test_a_missing_variable_is_an_error_before_anything_is_written(bench: Bench) -> None:
    with pytest.raises(InvalidError, match=r"fixtures.yaml:4: secretsmanager.b.env: the environment variable NOT_SET"):
        bench.apply("secretsmanager: {a: {string: x},\n  b: {env: NOT_SET}}")
    assert bench.client("secretsmanager").list_secrets()["SecretList"] == []
