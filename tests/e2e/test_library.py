"""The library, with the programs of this machine."""

import shutil
from pathlib import Path

import pytest

from bootstrap.api import BootstrapError, load_repo
from bootstrap.model.release import RepositoryChart

pytestmark = pytest.mark.e2e

REPOS = Path(__file__).parents[1] / "data" / "repos"


def test_a_folder_is_read_as_flux_would(tmp_path: Path) -> None:
    folder = shutil.copytree(REPOS / "single-release", tmp_path / "fleet")
    repo = load_repo(folder)
    (release,) = repo.releases
    assert (release.id, release.values) == ("web/podinfo", {"replicas": 2})
    assert release.chart == RepositoryChart(url="https://charts.example.com", name="podinfo", version="1.2.3")
    (entry,) = repo.kustomizations
    assert [manifest["kind"] for manifest in entry.objects] == ["Namespace"]


def test_variables_go_over_those_of_the_repository(tmp_path: Path) -> None:
    root = shutil.copytree(REPOS / "substitute-from", tmp_path / "fleet")
    given_variables = ({"nothing": ""}, {"nothing": "", "region": "elsewhere"})
    repos = [load_repo(root / "clusters/dev", root=root, substitute=given) for given in given_variables]
    texts = [str(repo.kustomizations) for repo in repos]
    assert ["elsewhere" in text for text in texts] == [False, True]


def test_problems_come_with_their_places(tmp_path: Path) -> None:
    root = shutil.copytree(REPOS / "broken", tmp_path / "fleet")
    with pytest.raises(BootstrapError) as caught:
        load_repo(root / "clusters/dev", root=root)
    assert "clusters/dev/release.yaml:" in "\n".join((caught.value.what, *caught.value.evidence))
