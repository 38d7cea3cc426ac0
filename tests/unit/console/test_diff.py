from bootstrap.console.results.diff import differences_text
from bootstrap.kube.dry_run import ObjectDifference, comparable, masked
from bootstrap.model.kube import Manifest, ref_of

SECRET: Manifest = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "s", "namespace": "apps"},
    "data": {"password": "aHVudGVyMg=="},
}
MAP: Manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "1"}}


def test_a_change_is_a_unified_diff_headed_by_whose_it_is() -> None:
    changed = {**MAP, "data": {"a": "2"}}
    text = differences_text("release/apps/a", [ObjectDifference(ref=ref_of(MAP), before=MAP, after=changed)])
    assert text == (
        "--- live release/apps/a: ConfigMap m\n"
        "+++ declared release/apps/a: ConfigMap m\n"
        "@@ -1,6 +1,6 @@\n"
        " apiVersion: v1\n"
        " data:\n"
        "-  a: '1'\n"
        "+  a: '2'\n"
        " kind: ConfigMap\n"
        " metadata:\n"
        "   name: m\n"
    )


def test_what_is_not_there_is_added_and_what_would_be_refused_is_said() -> None:
    text = differences_text(
        "objects/x/y", [ObjectDifference(ref=ref_of(MAP), before=None, after=MAP, refused="no kind")]
    )
    assert text.startswith("# the API server refuses this change: no kind\n--- live objects/x/y: ConfigMap m\n")
    assert "+kind: ConfigMap\n" in text


def test_secrets_are_never_shown_but_a_change_is_seen() -> None:
    changed = {**SECRET, "data": {"password": "b3RoZXI="}}
    text = differences_text("release/a/b", [ObjectDifference(ref=ref_of(SECRET), before=SECRET, after=changed)])
    assert "aHVudGVyMg" not in text
    assert "b3RoZXI" not in text
    assert "-  password: '***" in text
    assert "+  password: '***" in text
    assert masked(SECRET) == masked(dict(SECRET))
    assert masked(MAP) == MAP


def test_what_the_api_server_writes_itself_is_no_difference() -> None:
    live = {
        **MAP,
        "metadata": {"name": "m", "uid": "1", "resourceVersion": "2", "managedFields": []},
        "status": {"x": 1},
    }
    assert comparable(live) == MAP
