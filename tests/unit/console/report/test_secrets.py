from typing import Any

import pytest

from bootstrap.console.mask import Masker
from bootstrap.console.report.secrets import ReportMasker, secrets_in, secrets_of_environment


@pytest.fixture
def masker() -> ReportMasker:
    return ReportMasker(process=Masker())


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        ({"adminPassword": "x1", "user": "me"}, ["x1"]),
        ({"env": [{"name": "DB_PASSWORD", "value": "x2"}, {"name": "HOST", "value": "db"}]}, ["x2"]),
        ({"env": {"JWT_SECRET": "X3", "MODE": "dev"}}, ["X3"]),
        ({"metadata": {"annotations": {"example.com/api-token": "x4", "example.com/owner": "me"}}}, ["x4"]),
        ({"args": ["--user", "me", "--admin-password", "x5", "--verbose"]}, ["x5"]),
        ({"items": [{"id": "1", "password": {"S": "x6"}}]}, ["x6"]),
        ({"set": [{"key": "auth.token", "value": "x7"}]}, ["x7"]),
        # Names of Secrets, and switches.
        ({"existingSecret": "grafana-admin", "secretName": "tls", "automountServiceAccountToken": False}, []),
        ({"secretKeyRef": {"name": "db", "key": "password"}}, []),
        ({"imagePullSecrets": [{"name": "registry"}]}, []),
    ],
)
def test_what_stands_where_a_secret_stands(value: Any, secrets: list[str]) -> None:
    assert list(secrets_in(value)) == secrets


def test_values_of_secrets_are_known_everywhere_else(masker: ReportMasker) -> None:
    secret = {
        "kind": "Secret",
        "data": {"password": "cGxhbnRlZC0x", "ca.crt": "cHVibGljLWNhLW9mLWFsbA=="},
        "stringData": {"config.json": '{"auth": {"token": "planted-2-x"}}', "username": "administrator"},
    }
    masker.register(secrets_in(secret))
    assert masker.mask("logs say planted-1 and planted-2-x to administrator") == "logs say *** and *** to administrator"
    assert masker.mask_object(secret)["data"] == {"password": "***", "ca.crt": "***"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("POST /login password=hunter2&user=me", "POST /login password=***&user=me"),
        ('{"clientSecret": "only letters"}', '{"clientSecret": "*** letters"}'),
        ('{\\"token\\": \\"abc1234\\"}', '{\\"token\\": \\"***\\"}'),
        ("token: abc1234", "token: ***"),
        ("key 9fJq2LxPo8RtWz4BnKv7Hs1Dm5Ga given", "key *** given"),
        # An error's own words, a command to paste, a digest, a name.
        ('redis-password: "nowhere" was not found', 'redis-password: "***" was not found'),
        ("secret: not found", "secret: not found"),
        ('--var token="${token:?}"', '--var token="${token:?}"'),
        (
            "sha256:0123456789abcdef0123456789abcdef0123456789abcdef",
            "sha256:0123456789abcdef0123456789abcdef0123456789abcdef",
        ),
        ("KubeletHasSufficientMemory and web-7969d6d99b-mpndq", "KubeletHasSufficientMemory and web-7969d6d99b-mpndq"),
    ],
)
def test_what_looks_like_a_secret(masker: ReportMasker, text: str, shown: str) -> None:
    assert masker.mask(text) == shown


def test_short_and_common_values_stay_words(masker: ReportMasker) -> None:
    masker.register(["admin", "true", "5432", "a1b2c3"])
    assert masker.mask("admin of true 5432 a1b2c3") == "admin of true 5432 ***"


def test_a_file_in_a_secret_gives_its_own_secrets_alone(masker: ReportMasker) -> None:
    masker.register(["host: db\npassword: planted-9\n# the line of a comment that is long enough\n"])
    assert masker.mask("host: db says planted-9") == "host: db says ***"


def test_what_is_applied_is_not_shown_twice(masker: ReportMasker) -> None:
    shown = masker.mask_object(
        {"metadata": {"managedFields": [{}], "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}}
    )
    assert shown == {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "***"}}}


def test_secrets_of_a_job_but_not_its_paths() -> None:
    environment = {"GITHUB_TOKEN": "abc", "SSH_PRIVATE_KEY": "/keys/deploy", "HOME": "/root", "MY_KEY": "x"}
    assert list(secrets_of_environment(environment)) == ["abc"]
