"""Which values a chart does not read; in doubt nobody is accused."""

from collections.abc import Mapping
from typing import Any

import pytest

from bootstrap.charts.archive import ChartFiles, chart_files
from bootstrap.charts.unknown_values import unknown_values
from bootstrap.model.release import UnknownValue

DEFAULTS = """
replicas: 1
image: {repository: web, tag: "1"}
labels: {app: web}
resources: {}
grafana.ini: {log: {mode: console}}
"""
TEMPLATE = """
spec: {{ .Values.replicas }} {{ .Values.image.repository }}:{{ .Values.image.tag }}
labels: {{- toYaml .Values.labels | nindent 2 }}
{{ toYaml .Values.resources }}
{{ index .Values "grafana.ini" }}
{{ if .Values.hidden }}yes{{ end }}
"""


def chart(**more: str) -> ChartFiles:
    files = {
        "Chart.yaml": "{name: web, version: 1.0.0}",
        "values.yaml": DEFAULTS,
        "templates/all.yaml": TEMPLATE,
        **more,
    }
    return chart_files({name: text.encode() for name, text in files.items()}, "web")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"replicas": 3, "image": {"tag": "2"}},
        {"labels": {"anything": "goes"}},
        {"resources": {"limits": {"cpu": 1}}},
        {"grafana.ini": {"log": {"level": "debug"}, "users": {}}},
        {"hidden": True},
        {"global": {"any": 1}, "tags": {"any": True}},
        {"image": None},
    ],
)
def test_what_the_chart_reads_is_known(values: Mapping[str, Any]) -> None:
    assert unknown_values(values, chart()) == ()


def test_misspelt_keys_are_named_with_the_nearest_and_only_the_outermost() -> None:
    values = {"replcas": 3, "image": {"tagg": "2", "zzz": {"inner": 1}}, "nonsense": {"a": {"b": 1}}}
    assert unknown_values(values, chart()) == (
        UnknownValue(path="replcas", near="replicas"),
        UnknownValue(path="image.tagg", near="tag"),
        UnknownValue(path="image.zzz", near=None),
        UnknownValue(path="nonsense", near=None),
    )


def test_values_of_subcharts_are_held_against_the_subchart() -> None:
    packed = chart_files(
        {"Chart.yaml": b"{name: packed, version: 1.0.0}", "values.yaml": b"size: 1", "templates/a.yaml": b""}, "packed"
    ).packed()
    files = {
        "Chart.yaml": "{name: web, version: 1.0.0, dependencies: [{name: db, alias: main}, {name: packed}]}",
        "charts/db/Chart.yaml": "{name: db, version: 1.0.0}",
        "charts/db/values.yaml": "user: admin",
        "charts/db/templates/a.yaml": "",
    }
    whole = chart(**files)
    whole = ChartFiles(name=whole.name, version=whole.version, files={**whole.files, "charts/packed-1.0.0.tgz": packed})
    values = {"main": {"user": "x", "usr": "x"}, "packed": {"siz": 2}, "db": {"user": "not by this name"}}
    assert unknown_values(values, whole) == (
        UnknownValue(path="main.usr", near="user"),
        UnknownValue(path="packed.siz", near="size"),
        UnknownValue(path="db", near=None),
    )


def test_a_chart_without_values_knows_only_what_its_templates_mention() -> None:
    bare = chart(**{"values.yaml": ""})
    assert unknown_values({"replicas": 1, "other": 2}, bare) == (UnknownValue(path="other", near=None),)
    assert unknown_values({"replicas": 1}, chart(**{"values.yaml": "["})) == ()
