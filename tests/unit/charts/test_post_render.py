"""Hooks and objects of one name are rendered apart; without such twins all go together, as helm 4 gives them."""

from dataclasses import replace

from bootstrap.charts.post_render import post_renderer
from bootstrap.model.kube import Manifest
from fakes.repo import release

OBJECT: Manifest = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "twin"}}
HOOK: Manifest = {**OBJECT, "metadata": {"name": "twin", "annotations": {"helm.sh/hook": "pre-install"}}}
SETTINGS: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}
PATCH = {"patch": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {a: b}"}
TARGETED = {"target": {"kind": "ServiceAccount"}, "patch": "- {op: add, path: /x, value: y}"}
RELEASE = replace(release("a"), post_renderers=({"patches": [PATCH, TARGETED]},))


def test_without_twins_hooks_and_objects_are_one() -> None:
    renderer = post_renderer(RELEASE, [HOOK, SETTINGS])
    assert renderer.stages == ({"patches": [PATCH, TARGETED]},)
    assert renderer.hook_stages == ()


def test_twins_are_apart_and_a_patch_goes_where_its_object_is() -> None:
    renderer = post_renderer(RELEASE, [OBJECT, HOOK, SETTINGS])
    assert renderer.stages == ({"patches": [PATCH, TARGETED]},)
    assert renderer.hook_stages == ({"patches": [TARGETED]},)


def test_a_patch_of_nothing_stays_so_that_kustomize_tells_of_it() -> None:
    other = {"patch": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: nowhere}"}
    renderer = post_renderer(replace(RELEASE, post_renderers=({"patches": [other]},)), [OBJECT, HOOK])
    assert renderer.stages == renderer.hook_stages == ({"patches": [other]},)


def test_without_post_renderers_twins_are_nothing_to_do() -> None:
    assert not post_renderer(release("a"), [OBJECT, HOOK]).needed
