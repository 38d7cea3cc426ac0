"""What public init scripts do works here as it does in LocalStack's container, or is told in words."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.cli.main import run
from bootstrap.errors import ExitCode, StepFailedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.model.stack import Driver
from bootstrap.seeds import seeding
from bootstrap.seeds.init_scripts import run as script_run
from bootstrap.seeds.observe import Options
from bootstrap.seeds.results import SeedResult
from bootstrap.seeds.seeding import raise_failures
from bootstrap.system.work import Work
from fakes.bench import Bench, quiet, running

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatorEndpoint]:
    with running(Driver.MINISTACK, tmp_path_factory.mktemp("ministack")) as endpoint_:
        yield endpoint_


@pytest.fixture
def bench(endpoint: EmulatorEndpoint, tmp_path: Path) -> Bench:
    new_bench = Bench(endpoint=endpoint, folder=tmp_path)
    new_bench.empty()
    (new_bench.fixtures / "ready.d").mkdir(parents=True)
    new_bench.write("")
    return new_bench


def script(bench: Bench, name: str, text: str) -> Path:
    file = bench.fixtures / "ready.d" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def queues(bench: Bench) -> list[str]:
    return sorted(url.rpartition("/")[2] for url in bench.client("sqs").list_queues().get("QueueUrls", ()))


def content(bench: Bench, key: str) -> str:
    return str(bench.client("s3").get_object(Bucket="crate", Key=key)["Body"].read().decode())


def tree(folder: Path) -> dict[str, bytes | None]:
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def log(bench: Bench, name: str) -> str:
    return (bench.folder / "seeds" / "logs" / f"{name}.log").read_text()


def test_profiles_are_made_and_used_and_the_users_own_stay(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    home = bench.folder / "home"
    (home / ".aws").mkdir(parents=True)
    (home / ".aws/config").write_text("[profile toolbox]\nregion = ap-south-1\nendpoint_url = http://127.0.0.1:9\n")
    monkeypatch.setenv("HOME", str(home))
    before = tree(home)
    script(
        bench,
        "10.sh",
        """#!/bin/bash
set -e
aws configure set region eu-west-1 --profile=toolbox
aws --profile=toolbox configure get region
aws --profile=toolbox sqs create-queue --queue-name far
aws configure set aws_access_key_id test --profile box
aws configure set aws_secret_access_key test --profile box
AWS_PROFILE=box aws sqs create-queue --queue-name near
export AWS_PROFILE=never-made
awslocal sqs create-queue --queue-name third
""",
    )
    script(
        bench, "20.py", 'import boto3\nboto3.Session(profile_name="other").client("sqs").create_queue(QueueName="x")\n'
    )
    bench.apply()
    assert queues(bench) == ["near", "third", "x"]
    assert log(bench, "10.sh").splitlines()[0] == "eu-west-1"
    far = bench.client("sqs", region="eu-west-1").list_queues()["QueueUrls"]
    assert [url.rpartition("/")[2] for url in far] == ["far"]
    assert tree(home) == before


def test_files_beside_a_script_are_found_by_every_path_and_nothing_is_written_there(bench: Bench) -> None:
    script(bench, "data/one.json", "1")
    script(bench, "lib.bash", 'put() { awslocal s3 cp "$1" s3://crate/ >/dev/null; }\n')
    script(
        bench,
        "10.sh",
        """#!/bin/bash
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.bash"
awslocal s3 mb s3://crate
cp data/one.json two.json
cp /etc/localstack/init/ready.d/data/one.json /docker-entrypoint-initaws.d/three.json
folder=/etc/localstack/init; name=ready.d
jq -n '{four: 4}' >"$folder/$name/four.json"
put two.json; put ./three.json; put "$PWD/four.json"; put /etc/localstack/init/ready.d/data/one.json
zip -q five.zip two.json && put five.zip
echo private >~/note && echo private >"$TMPDIR/note"
""",
    )
    before = tree(bench.fixtures)
    bench.apply()
    assert [content(bench, key) for key in ("one.json", "two.json", "three.json")] == ["1", "1", "1"]
    assert json.loads(content(bench, "four.json")) == {"four": 4}
    assert tree(bench.fixtures) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes into folders that are read only")
def test_a_tree_that_can_only_be_read_is_enough(bench: Bench) -> None:
    file = script(bench, "10.sh", "#!/bin/bash\nset -e\necho 1 >rules.json\necho 2 >>10.sh\n")
    for path in (file, file.parent, bench.fixtures):
        path.chmod(0o555)
    try:
        bench.apply()
    finally:
        for path in (bench.fixtures, file.parent):
            path.chmod(0o755)


def test_the_repository_and_the_users_home_cannot_be_written_by_their_own_paths(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(bench.cancel)
    if script_run.strongest_guard(bench.seeding().processes, work) != "namespace":
        pytest.skip("this system has no namespaces")
    home = bench.folder / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    script(bench, "10.sh", f"#!/bin/bash\necho 1 >{bench.fixtures}/x\necho 1 >{home}/x\nexit 0\n")
    before = tree(bench.fixtures)
    [warning] = bench.apply().warnings
    assert sum("Read-only file system" in line for line in warning.lines) == 2
    assert (tree(bench.fixtures), list(home.iterdir())) == (before, [])


def test_a_user_without_a_home_has_init_scripts_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(Path, "home", homeless)
    script(bench, "10.sh", "#!/bin/bash\ncd ~ && pwd\n")
    bench.apply()
    assert log(bench, "10.sh").endswith("/home\n")


def test_commands_that_failed_are_warnings_by_the_rules_of_bash(bench: Bench) -> None:
    file = script(
        bench,
        "10.sh",
        """#!/bin/bash
awslocal s3 mb s3://crate >/dev/null
awslocal s3api get-object --bucket nothing --key x y
if ! awslocal s3api head-bucket --bucket nothing 2>/dev/null; then echo not there; fi
awslocal sqs delete-queue --queue-url http://localhost/000000000000/none >/dev/null 2>&1 || true
name=$(jq -r .name missing.json)
echo finished
""",
    )
    result = bench.apply()
    [warning] = result.warnings
    assert result.summary() == "1 created (1 with warnings)"
    places = [line for line in warning.lines if not line.startswith(" ")]
    assert [place.partition(": ")[0] for place in places] == [f"{file}:3", f"{file}:6"]
    assert "awslocal s3api get-object --bucket nothing --key x y" in places[0]
    assert any("NoSuchBucket" in line for line in warning.lines)
    assert any("missing.json" in line for line in warning.lines)
    assert Path(warning.log).read_text().endswith("finished\n")
    bench.settled()


def test_commands_that_failed_in_other_scripts_are_told_by_the_aws_command_line(bench: Bench) -> None:
    script(bench, "10.sh", "#!/bin/sh\nawslocal s3api get-object --bucket nothing --key x y\necho finished\n")
    script(bench, "20.py", "import subprocess\nsubprocess.run(['awslocal', 's3api', 'get-object'])\n")
    result = bench.apply()
    assert [str(warning.id) for warning in result.warnings] == ["ready.d/10.sh", "ready.d/20.py"]
    assert "ended with code" in result.warnings[0].lines[0]
    assert "awslocal s3api get-object" in result.warnings[1].lines[0]


def test_a_failure_names_its_line_its_words_its_log_and_a_fix(bench: Bench) -> None:
    script(bench, "10.sh", "#!/bin/bash\nset -e\necho first\n\nnot-a-program --now\n")
    with pytest.raises(StepFailedError) as failed:
        bench.apply()
    assert failed.value.what.endswith("10.sh failed with exit code 127 in line 5: not-a-program --now")
    assert failed.value.evidence[0] == "first"
    assert failed.value.fix == "install not-a-program on this machine, then run the same command again"
    assert failed.value.log is not None
    assert "not-a-program" in Path(failed.value.log).read_text()


def test_what_a_script_printed_until_it_was_stopped_is_kept(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script_run, "SECONDS", 2.0)
    script(bench, "10.sh", "#!/bin/bash\necho the last words\nsleep 60\n")
    with pytest.raises(StepFailedError) as failed:
        bench.apply()
    assert "was not done within 2s" in failed.value.what
    assert failed.value.evidence == ("the last words",)


def test_a_program_that_a_script_leaves_running_keeps_nobody_waiting(bench: Bench) -> None:
    script(bench, "10.sh", "#!/bin/bash\nsleep 300 &\necho done\n")
    bench.apply()
    assert log(bench, "10.sh") == "done\n"


def test_a_script_runs_again_when_a_file_beside_it_changes_or_as_asked(bench: Bench) -> None:
    script(bench, "prices.json", "1")
    script(
        bench,
        "10.sh",
        "#!/bin/bash\nset -e\nawslocal s3 mb s3://crate || true\nawslocal s3 cp prices.json s3://crate/p\n",
    )
    bench.apply()
    bench.settled()
    script(bench, "prices.json", "2")
    assert [change.reason for change in bench.plan().resources] == ["its content, or a file that it can read, changed"]
    bench.apply()
    assert content(bench, "p") == "2"
    bench.settled()
    bench.client("s3").delete_object(Bucket="crate", Key="p")
    options = Options(rerun=("10.sh",))
    assert [change.reason for change in bench.plan(options).resources] == ["runs again as asked (--rerun)"]
    raise_failures(again(bench, options))
    assert content(bench, "p") == "2"


def again(bench: Bench, options: Options) -> SeedResult:
    return bench.seeding().apply_fixtures(bench.endpoint, Work(bench.cancel, quiet), options)


def test_scripts_after_a_fixture_that_failed_are_skipped_and_not_called_made(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StepFailedError("refused", evidence=["in its own words"], fix="do otherwise")

    bench.write("sqs: {broken: {}}")
    script(bench, "10.sh", "#!/bin/bash\ntrue\n")
    monkeypatch.setattr(seeding, "make", fail)
    result = again(bench, Options())
    assert result.changed == 0
    assert [str(failure.id) for failure in result.failures] == ["sqs/broken", "ready.d/10.sh"]
    with pytest.raises(
        StepFailedError, match="sqs/broken could not be created or updated, 1 more need it: refused"
    ) as failed:
        raise_failures(result)
    assert (failed.value.evidence, failed.value.fix) == (("in its own words",), "do otherwise")


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def seed(bench: Bench, *arguments: str, expected: int = ExitCode.OK) -> None:
    assert run(["seed", *arguments, "--endpoint", bench.endpoint.url]) == expected


@pytest.mark.usefixtures("own_state")
def test_a_single_failure_is_told_whole_in_text_and_in_json(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    script(bench, "10.sh", "#!/bin/bash\necho 'the reason' >&2\nexit 3\n")
    seed(bench, "apply", str(bench.fixtures), expected=ExitCode.STEP_FAILED)
    printed = capsys.readouterr().err
    assert "\n  the reason\n" in printed
    assert "\nFix:   " in printed
    assert "/logs/10.sh.log" in printed
    seed(bench, "apply", str(bench.fixtures), "--output", "json", expected=ExitCode.STEP_FAILED)
    [failure] = json.loads(capsys.readouterr().out)["failures"]
    assert failure["evidence"] == ["the reason"]
    assert failure["fix"].startswith("correct the script")
    assert Path(failure["log"]).read_text() == "the reason\n"


@pytest.mark.usefixtures("own_state")
def test_rerun_and_only_take_scripts_by_name(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    file = script(bench, "10.sh", "#!/bin/bash\necho ran\n")
    script(bench, "20.sh", "#!/bin/bash\nfalse\necho ran\n")
    seed(bench, "apply", str(bench.fixtures), "--only", "ready.d/10.sh")
    assert "1 created" in capsys.readouterr().out
    seed(bench, "apply", str(bench.fixtures))
    printed = capsys.readouterr().out
    assert "warning: ready.d/20.sh is done, but commands in it failed:" in printed
    assert "20.sh:2: ended with code 1: false" in printed
    for name in ("10.sh", "ready.d/10.sh", str(file)):
        seed(bench, "apply", str(bench.fixtures), "--rerun", name, "--output", "json")
        assert json.loads(capsys.readouterr().out)["changed"] == 1
    seed(bench, "apply", str(bench.fixtures), "--rerun", "30.sh", expected=ExitCode.USAGE)
    assert "init scripts are: 10.sh, 20.sh" in capsys.readouterr().err


def test_programs_that_these_scripts_need_are_here() -> None:
    assert [name for name in ("bash", "jq", "zip") if shutil.which(name) is None] == []
