"""Templates are told of given API versions, however they ask for them."""

import pytest

from bootstrap.charts.api_rewrite import rewritten, seeing
from bootstrap.charts.archive import ChartFiles, read_archive

CHART_FILE = b"name: c\nversion: 1"
HERE = frozenset({"policy/v1"})
SET = '(fromJson `{"policy/v1": 1}`)'


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{{ .Capabilities.APIVersions.Has "policy/v1" }}', '{{ hasKey (dict "policy/v1" "") "policy/v1" }}'),
        ('{{ $.Capabilities.APIVersions.Has "old/v1" }}', '{{ hasKey (dict) "old/v1" }}'),
        ("{{ if (.Capabilities.APIVersions.Has .Values.api) }}", f"{{{{ if (hasKey {SET} .Values.api) }}}}"),
        ("{{ (.context).Capabilities.APIVersions.Has .v }}", f"{{{{ hasKey {SET} .v }}}}"),
        ("{{ ((index . 0).Capabilities.APIVersions).Has $v }}", f"{{{{ hasKey {SET} $v }}}}"),
        ("{{ has $v .Capabilities.APIVersions }}", '{{ has $v (fromJsonArray `["policy/v1"]`) }}'),
        (
            "{{ $apis := .Capabilities.APIVersions }}{{ $apis.Has $v }}",
            f'{{{{ $apis := (fromJsonArray `["policy/v1"]`) }}}}{{{{ hasKey {SET} $v }}}}',
        ),
        ("{{ $v | .Capabilities.APIVersions.Has }}", f"{{{{ $v | hasKey {SET} }}}}"),
        ("text .Capabilities.APIVersions.Has {{ .x }}", "text .Capabilities.APIVersions.Has {{ .x }}"),
        ("{{ .Capabilities.KubeVersion }}", "{{ .Capabilities.KubeVersion }}"),
    ],
)
def test_every_way_to_ask(template: str, expected: str) -> None:
    assert rewritten(template, HERE) == expected


def test_subcharts_are_told_too_packed_ones_as_well() -> None:
    asking = b'{{ .Capabilities.APIVersions.Has "old/v1" }}'
    below = ChartFiles(name="below", version="1", files={"Chart.yaml": CHART_FILE, "templates/a": asking})
    files = {
        "Chart.yaml": CHART_FILE,
        "charts/b.tgz": below.packed(),
        "charts/open/templates/a": asking,
    }
    seen = seeing(ChartFiles(name="c", version="1", files=files), HERE)
    assert seen.files["charts/open/templates/a"] == b'{{ hasKey (dict) "old/v1" }}'
    assert read_archive(seen.files["charts/b.tgz"], "").files["templates/a"] == b'{{ hasKey (dict) "old/v1" }}'


def test_a_chart_that_does_not_ask_is_left_as_it_is() -> None:
    chart = ChartFiles(name="c", version="1", files={"Chart.yaml": CHART_FILE, "templates/a": b"a: {{ .b }}"})
    assert seeing(chart, HERE) is chart
