from collections.abc import Sequence

import pytest

from bootstrap.charts.rendered_objects import UnreadableTemplateError, other_objects, split
from bootstrap.model.kube import Manifest, ref_of

TEXT = """---
# Source: app/crds/a.yaml
kind: CustomResourceDefinition
metadata: {name: folder-1}
---
kind: CustomResourceDefinition
metadata: {name: folder-2}
---
# Source: app/charts/sub/crds/b.yaml
kind: CustomResourceDefinition
metadata: {name: folder-3}
---
# Source: app/templates/crds/c.yaml
kind: CustomResourceDefinition
metadata: {name: template}
---
# Source: app/templates/hook.yaml
kind: Job
metadata: {name: hook, annotations: {helm.sh/hook: post-install}}
---
# Source: app/templates/list.yaml
kind: List
items:
- {kind: ConfigMap, metadata: {name: one}}
- {kind: ConfigMap, metadata: {name: two}}
---
# Source: app/templates/empty.yaml
# nothing
---
# Source: app/templates/text.yaml
kind: ConfigMap
metadata: {name: text}
data:
  script: |
    ---
    on: off
"""


def names(manifests: Sequence[Manifest]) -> list[str]:
    return [ref_of(manifest).name for manifest in manifests]


def test_split() -> None:
    rendered = split(TEXT, lambda _documents: None)
    assert names(rendered.folder_crds) == ["folder-1", "folder-2", "folder-3"]
    assert names(rendered.objects) == ["template", "one", "two", "text"]
    assert names(rendered.hooks) == ["hook"]
    assert rendered.objects[-1]["data"] == {"script": "---\non: off\n"}


LONG = "\n---\n".join(
    f"# Source: app/crds/{number}.yaml\nkind: CustomResourceDefinition\nmetadata: {{name: c{number}}}\nx: {'y' * 90000}"
    for number in range(3)
)


def test_long_definitions_are_read_by_the_converter_in_their_order() -> None:
    seen: list[int] = []

    def convert(documents: Sequence[str]) -> Sequence[Manifest]:
        seen.append(len(documents))
        return [{"kind": "CustomResourceDefinition", "metadata": {"name": f"read-{n}"}} for n in range(len(documents))]

    rendered = split(f"{TEXT}---\n{LONG}", convert)
    assert seen == [7]
    assert names(rendered.folder_crds) == ["read-0", "read-1", "read-2", "read-4", "read-5", "read-6"]
    assert names(rendered.objects) == ["read-3", "one", "two", "text"]


def test_what_the_converter_cannot_read_is_read_here() -> None:
    assert names(split(LONG, lambda _documents: None).folder_crds) == ["c0", "c1", "c2"]


def test_a_template_that_gives_no_yaml_is_named() -> None:
    with pytest.raises(UnreadableTemplateError, match=r"app/templates/bad\.yaml: "):
        split("---\n# Source: app/templates/bad.yaml\na: b: c\n", lambda _documents: None)


def test_objects_without_definitions() -> None:
    assert names(other_objects(TEXT)) == ["hook", "one", "two", "text"]
