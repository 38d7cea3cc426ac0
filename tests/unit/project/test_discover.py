"""What is found in the folders of projects of different shape."""

from pathlib import Path

from bootstrap.project.discover import discover, is_empty
from bootstrap.project.plan_files import Imported, plan_found
from bootstrap.project.stack_files import entry_for

KUSTOMIZATION = """\
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: apps, namespace: flux-system}
spec: {path: ./apps, sourceRef: {kind: GitRepository, name: flux-system}}
"""
KIND = "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes: [{role: control-plane}]\n"
K3D = "apiVersion: k3d.io/v1alpha5\nkind: Simple\nservers: 1\n"
COMPOSE = """\
services:
  web: {image: nginx}
  aws:
    image: localstack/localstack:3.8
    environment: [AWS_DEFAULT_REGION=eu-west-1]
    volumes: [./aws:/etc/localstack/init/ready.d]
"""


def project(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def text_of(folder: Path, name: str = "dev") -> str:
    plan = plan_found(discover(folder, {}), Imported(), folder)
    return plan.files[folder / "stacks" / f"{name}.yaml"].decode()


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    project(tmp_path, **{"README.md": "# hello\n", "src/app.py": "print(1)\n"})
    assert discover(tmp_path, {}).empty


def test_clusters_of_a_flux_repository(tmp_path: Path) -> None:
    files = {f"clusters/{stage}/apps.yaml": KUSTOMIZATION for stage in ("production", "staging")}
    project(tmp_path, **files, **{"apps/web.yaml": "kind: ConfigMap\n"})
    assert "emulator: false" in text_of(tmp_path)
    assert (
        "  path: clusters/staging                # what Flux is started with; there are also clusters/production"
        in (text_of(tmp_path))
    )
    assert "http: 18080" in text_of(tmp_path, "ci")


def test_a_repository_that_names_aws_gets_an_emulator(tmp_path: Path) -> None:
    files = {"clusters/dev/apps.yaml": KUSTOMIZATION, "apps/web.yaml": "url: https://sqs.eu-west-1.amazonaws.com\n"}
    assert "emulator:\n  region: us-east-1" in text_of(project(tmp_path, **files))


def test_the_root_is_the_git_work_tree(tmp_path: Path) -> None:
    project(tmp_path, **{"deploy/clusters/dev/apps.yaml": KUSTOMIZATION, "apps/a.yaml": "", ".git/HEAD": ""})
    assert "  root: ../..    " in text_of(tmp_path / "deploy")
    assert "  path: deploy/clusters/dev" in text_of(tmp_path / "deploy")


def test_templates_and_other_people_s_packages_are_passed_over(tmp_path: Path) -> None:
    files = {
        "node_modules/x/kind.yaml": KIND,
        "chart/Chart.yaml": "name: chart\ntype: library\n",
        "chart/templates/release.yaml": KUSTOMIZATION.replace("./apps", "{{ .Values.path }}"),
    }
    discovered = discover(project(tmp_path, **files), {})
    assert discovered.empty
    assert discovered.unread == ()


def test_a_file_that_should_be_flux_s_but_is_no_yaml_is_reported(tmp_path: Path) -> None:
    files = {"clusters/dev/apps.yaml": f"{KUSTOMIZATION}{{% if x %}}\n", "a/kind.yaml": KIND}
    plan = plan_found(discover(project(tmp_path, **files), {}), Imported(), tmp_path)
    assert len(plan.notes) == 1
    assert plan.notes[0].startswith("not read: ")
    assert "clusters/dev/apps.yaml:5" in plan.notes[0]


def test_configurations_of_clusters(tmp_path: Path) -> None:
    text = text_of(project(tmp_path, **{"hack/kind.yaml": KIND, "hack/other.yaml": KIND}))
    assert "  config: ../hack/kind.yaml " in text
    assert "# merged in on kind; there are also ../hack/other.yaml\n" in text
    assert "  provider: auto" in text


def test_a_configuration_of_k3d_chooses_k3d(tmp_path: Path) -> None:
    text = text_of(project(tmp_path, **{"k3d.yaml": K3D}))
    assert "  provider: k3d " in text
    assert "  config: ../k3d.yaml" in text
    assert "provider: auto" in text_of(tmp_path, "ci")


def test_a_compose_file_s_emulator_and_its_scripts(tmp_path: Path) -> None:
    files = {"docker-compose.yml": COMPOSE, "aws/10-queues.sh": "awslocal sqs create-queue --queue-name a\n"}
    discovered = discover(project(tmp_path, **files), {})
    assert [script.name for script in discovered.compose[0].service.scripts] == ["10-queues.sh"]
    text = text_of(tmp_path)
    assert "in the place of localstack/localstack:3.8 of docker-compose.yml:3" in text
    assert "  region: eu-west-1                     # as in the compose file" in text
    assert "persist: false" in text_of(tmp_path, "ci")


def test_a_long_path_stays_apart_from_its_comment(tmp_path: Path) -> None:
    long = "environments/of/a/very/careful/team/kind.yaml"
    assert f"  config: ../{long} # merged in on kind\n" in text_of(project(tmp_path, **{long: KIND}))


def test_a_folder_is_empty_if_it_has_but_what_every_project_has(tmp_path: Path) -> None:
    project(tmp_path, **{".git/HEAD": "", ".gitignore": "", "README.md": "", "LICENSE": ""})
    assert is_empty(tmp_path)
    assert not is_empty(project(tmp_path, **{"main.go": ""}))


def test_charts_become_releases_of_their_own(tmp_path: Path) -> None:
    files = {
        "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n",
        "charts/web/charts/part/Chart.yaml": "apiVersion: v2\nname: part\nversion: 1.0.0\n",
    }
    discovered = discover(project(tmp_path, **files), {})
    assert discovered.charts == (tmp_path / "charts/web",)
    plan = plan_found(discovered, Imported(), tmp_path)
    assert 'chart: "./charts/web"' in plan.files[tmp_path / "stacks/releases/web.yaml"].decode()
    assert "  path: stacks/releases" in plan.files[tmp_path / "stacks/dev.yaml"].decode()
    elsewhere = plan_found(discovered, Imported(), tmp_path.parent / "elsewhere")
    assert any(note.startswith("the charts are not used: run this in ") for note in elsewhere.notes)


def test_production_is_chosen_last() -> None:
    entries = [Path("/r/clusters") / name for name in ("main", "production", "my-dev", "kind-test")]
    assert entry_for("dev", entries).name == "my-dev"
    assert entry_for("ci", entries).name == "kind-test"
    assert entry_for("dev", entries[:2]).name == "main"
