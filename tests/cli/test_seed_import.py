"""What `seed import` takes the scripts from, found before anything starts."""

from typing import TYPE_CHECKING

from bootstrap.cli.seed_import import script_source

if TYPE_CHECKING:
    from cli.conftest import Cli


def test_without_a_path_it_is_the_compose_file_here(cli: "Cli") -> None:
    file = cli.folder / "init" / "make.sh"
    file.parent.mkdir()
    file.write_text("#!/bin/bash\nawslocal s3 mb s3://orders\n")
    (cli.folder / "compose.yaml").write_text(
        "services:\n"
        "  aws:\n"
        "    image: localstack/localstack:4\n"
        "    environment: {AWS_DEFAULT_REGION: eu-west-1}\n"
        "    volumes: ['./init:/etc/localstack/init/ready.d']\n"
    )
    source = script_source(())
    assert [script.file.name for script in source.scripts] == ["make.sh"]
    assert source.region == "eu-west-1"


def test_without_a_path_and_a_compose_file_the_call_to_make_is_named(cli: "Cli") -> None:
    ended = cli("seed", "import", "--into", "seeds")
    assert ended.code == 2
    assert "there is no compose file here" in ended.err
    assert "bootstrap seed import scripts/init.sh --into seeds" in ended.err
    assert not (cli.folder / "seeds").exists()
