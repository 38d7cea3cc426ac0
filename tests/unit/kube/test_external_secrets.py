from typing import Any

import pytest

from bootstrap.kube.external_secrets import readers


def reads(spec: dict[str, Any], *names: str) -> bool:
    return bool([*readers([{"spec": spec}], names)])


@pytest.mark.parametrize(
    "spec",
    [
        {"data": [{"remoteRef": {"key": "other"}}, {"secretKey": "password", "remoteRef": {"key": "orders/db"}}]},
        {"dataFrom": [{"extract": {"key": "orders/db"}}]},
        {"dataFrom": [{"extract": {"key": "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db-a1B2c3"}}]},
        {"dataFrom": [{"extract": {"key": "arn:aws:secretsmanager:us-east-1:000000000000:secret:orders/db"}}]},
        {"dataFrom": [{"find": {"name": {"regexp": "^orders/"}}}]},
        {"dataFrom": [{"find": {"name": {"regexp": "(?<not python"}}}]},
        {"dataFrom": [{"find": {"tags": {"team": "orders"}}}]},
    ],
)
def test_who_reads_a_secret_is_found(spec: dict[str, Any]) -> None:
    assert reads(spec, "unread", "orders/db")


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"data": [{"remoteRef": {"key": "orders/db2"}}]},
        {
            "dataFrom": [
                {"extract": {"key": "arn:aws:secretsmanager:us-east-1:000000000000:secret:my/orders/db-a1B2c3"}}
            ]
        },
        {"dataFrom": [{"sourceRef": {"generatorRef": {"kind": "Password", "name": "x"}}}]},
        {"dataFrom": [{"find": {"name": {"regexp": "^sales/"}}}]},
    ],
)
def test_who_reads_others_is_left_alone(spec: dict[str, Any]) -> None:
    assert not reads(spec, "orders/db")
