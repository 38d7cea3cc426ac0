import base64
from pathlib import Path

import pytest

from bootstrap.clusters.existing.kubeconfig import only_context, user_files
from bootstrap.errors import RefusedError

TEXT = """\
apiVersion: v1
kind: Config
current-context: decoy
contexts:
  - {name: decoy, context: {cluster: decoy, user: decoy}}
  - {name: shared, context: {cluster: far, user: me, namespace: mine}}
clusters:
  - {name: decoy, cluster: {server: "https://127.0.0.1:1"}}
  - {name: far, cluster: {server: "https://127.0.0.1:2", certificate-authority: ca.crt}}
users:
  - {name: decoy, user: {token: secret}}
  - name: me
    user:
      client-certificate: me.crt
      client-key-data: a2V5
      exec: {apiVersion: client.authentication.k8s.io/v1, command: ./login, args: [shared]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "ca.crt").write_text("authority")
    (tmp_path / "me.crt").write_text("certificate")
    path = tmp_path / "config"
    path.write_text(TEXT)
    return path


def test_one_context_and_nothing_of_the_others(file: Path) -> None:
    document = only_context([file], "shared")
    assert document["current-context"] == "shared"
    assert document["contexts"] == [
        {"name": "shared", "context": {"cluster": "shared", "user": "shared", "namespace": "mine"}}
    ]
    assert "decoy" not in str(document)
    assert "secret" not in str(document)


def test_files_come_inside_and_plugins_are_found_from_anywhere(file: Path) -> None:
    document = only_context([file], "shared")
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"authority"
    assert base64.b64decode(user["client-certificate-data"]) == b"certificate"
    assert user["client-key-data"] == "a2V5"
    assert user["exec"]["command"] == str(file.parent / "login")
    assert user["exec"]["args"] == ["shared"]


def test_of_two_entries_of_a_name_the_first_files_counts(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(TEXT.replace(":2", ":3"))
    assert only_context([other, file], "shared")["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:3"


def test_a_context_that_is_not_there(file: Path) -> None:
    with pytest.raises(RefusedError, match="no entry 'dev' in contexts; there are: decoy, shared"):
        only_context([file], "dev")
    with pytest.raises(RefusedError, match=r"no entry 'dev' in contexts$"):
        only_context([], "dev")


def test_a_file_that_it_names_and_that_is_not_there(file: Path) -> None:
    (file.parent / "ca.crt").unlink()
    with pytest.raises(RefusedError, match=r"your kubeconfig names .*ca.crt: No such file"):
        only_context([file], "shared")


def test_where_the_user_keeps_it(file: Path, tmp_path: Path) -> None:
    assert user_files({"KUBECONFIG": f"{file}:/not/there", "HOME": "/nowhere"}) == (file,)
    assert user_files({"HOME": str(tmp_path)}) == ()
    home = tmp_path / ".kube"
    home.mkdir()
    (home / "config").write_text(TEXT)
    assert user_files({"HOME": str(tmp_path)}) == (home / "config",)
