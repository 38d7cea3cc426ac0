"""`bootstrap init` in process: what it writes, what it refuses, what it prints."""

from pathlib import Path

import pytest

from bootstrap.config.flags import Overrides
from bootstrap.config.stack import load_stack
from bootstrap.errors import RefusedError
from bootstrap.seeds.init_scripts.compose_file import NAMES
from cli.conftest import Cli


def texts(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text() for file in sorted(folder.rglob("*")) if file.is_file()
    }


@pytest.mark.parametrize(
    ("template", "has"),
    [
        ("minimal", {"clusters/local/apps.yaml", "charts/web/Chart.yaml", "localstack-init/lambda.yaml"}),
        ("flux", {"clusters/production/apps.yaml", "apps/base/orders/orders.yaml"}),
        ("seeds-only", {"localstack-init/sqs.yaml", "localstack-init/functions/receipts/app.py"}),
    ],
)
def test_every_template_is_a_stack_that_can_be_read(cli: Cli, template: str, has: set[str]) -> None:
    ended = cli("init", "--template", template)
    assert ended.code == 0, ended.err
    written = texts(cli.folder)
    assert has | {"stacks/dev.yaml", "stacks/ci.yaml"} <= set(written)
    for name in ("dev", "ci"):
        assert load_stack(name, Overrides(), cwd=cli.folder, environment={}).stack.name == name
    assert ("localstack-init" in written["stacks/dev.yaml"]) == (template != "flux")
    assert "clusters/local" in written["stacks/dev.yaml"] or template == "seeds-only"
    assert all(f"wrote  {name}\n" in ended.out for name in written)
    assert "Next: bootstrap up\n" in ended.out


def test_an_empty_folder_gets_one_fixture_for_each_service(cli: Cli) -> None:
    assert cli("init").code == 0
    assert {file.stem for file in (cli.folder / "localstack-init").glob("*.yaml")} == {
        "dynamodb",
        "lambda",
        "s3",
        "secretsmanager",
        "sns",
        "sqs",
    }
    assert cli("seed", "lint", "localstack-init").code == 0


def test_a_folder_in_use_without_anything_to_use_is_left_alone(cli: Cli) -> None:
    (cli.folder / "main.py").write_text("print(1)\n")
    (cli.folder / "kind.yaml").write_text("apiVersion: kind.x-k8s.io/v1alpha4\nkind: {{ x }\n")
    ended = cli("init")
    assert (ended.code, ended.out) == (RefusedError.exit_code, "")
    assert f"there is nothing in {cli.folder} that a stack can be made of" in ended.err
    assert "kind.yaml:3: " in ended.err
    assert "Fix:   write a small example beside what is there: bootstrap init --template minimal" in ended.err
    assert set(texts(cli.folder)) == {"main.py", "kind.yaml"}


def test_nothing_is_overwritten_and_every_file_is_named(cli: Cli) -> None:
    cli.stack(name="ci")
    before = texts(cli.folder)
    ended = cli("init", "--template", "minimal")
    assert (ended.code, ended.out) == (RefusedError.exit_code, "")
    assert "1 of the files to write exist already, and nothing is overwritten" in ended.err
    assert "  stacks/ci.yaml\n" in ended.err
    assert texts(cli.folder) == before


def test_another_folder_is_looked_through_and_not_written_into(cli: Cli) -> None:
    other = cli.folder.parent / "other"
    (other / "hack").mkdir(parents=True)
    (other / "hack/kind.yaml").write_text("kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n")
    ended = cli("init", "--from", "../other")
    assert ended.out.startswith("found  configuration of kind: hack/kind.yaml\n")
    assert "  config: ../../other/hack/kind.yaml" in texts(cli.folder)["stacks/dev.yaml"]
    assert set(texts(other)) == {"hack/kind.yaml"}


def test_scripts_that_cannot_be_imported_are_noted_with_the_command(cli: Cli) -> None:
    (cli.folder / NAMES[0]).write_text(
        "services:\n  aws:\n    image: localstack/localstack\n    volumes: [./init:/etc/localstack/init/ready.d]\n"
    )
    (cli.folder / "init").mkdir()
    (cli.folder / "init/queues.sh").write_text("#!/usr/bin/env no-such-interpreter\nawslocal sqs list-queues\n")
    ended = cli("init", "-q")
    assert ended.code == 0, ended.err
    assert "note   compose.yaml is not imported: " in ended.out
    assert "then: bootstrap seed import compose.yaml --into localstack-init\n" in ended.out
    assert "seeds:" not in texts(cli.folder)["stacks/dev.yaml"]
