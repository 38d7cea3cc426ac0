"""What templates read of their values, parsed from their actions."""

import pytest

from bootstrap.charts.archive import ChartFiles
from bootstrap.charts.value_reads import Reads


def reads(template: str) -> Reads:
    files = {"Chart.yaml": b"name: c\nversion: 1", "templates/a.yaml": template.encode()}
    return Reads.of(ChartFiles(name="c", version="1", files=files))


@pytest.mark.parametrize(
    ("template", "path", "read"),
    [
        ("{{ .Values.a.b }}", "a.b", True),
        ("{{ .Values.a.b }}", "a", True),
        ("{{ .Values.a.b }}", "a.c", False),
        ("{{ $.Values.a }}", "a.anything", True),
        ("{{- if .Values.a }}", "a.inner", False),
        ("{{- if and .Values.a (not .Values.b.c) }}", "b.d", False),
        ('{{ if eq .Values.a "x" }}', "a", True),
        ("{{ with .Values.a }}{{ .b }}{{ end }}", "a.b", True),
        ('{{ index .Values "grafana.ini" "log" }}', "grafana.ini.users", False),
        ('{{ dig "a" "b" "" .Values }}', "a.b", True),
        ("{{ toYaml .Values }}", "whatever", True),
        ("replicas: 3 # .Values.replicas", "replicas", False),
        ("{{/* .Values.old */}}", "old", False),
        ("{{ .Release.Name }} values: replicas", "replicas", False),
    ],
)
def test_reads(template: str, path: str, *, read: bool) -> None:
    keys = path.split(".") if not path.startswith("grafana.ini") else ["grafana.ini", *path.split(".")[2:]]
    assert reads(template).cover(tuple(keys)) is read


def test_subcharts_may_be_handed_the_values_of_the_chart() -> None:
    below = ChartFiles(
        name="common",
        version="1",
        files={"Chart.yaml": b"name: common\nversion: 1", "templates/_a.tpl": b"{{ .Values.nameOverride }}"},
    )
    files = {"Chart.yaml": b"name: c\nversion: 1", "charts/common-1.tgz": below.packed()}
    assert Reads.of(ChartFiles(name="c", version="1", files=files)).cover(("nameOverride",))
