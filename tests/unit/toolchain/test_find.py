"""Where a program is taken from, and why; no program really runs."""

from pathlib import Path

import pytest

from bootstrap.errors import CancelledError, RefusedError, UsageError
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work
from bootstrap.toolchain.cache import Store
from bootstrap.toolchain.find import Found, Missing, Toolchain, ToolchainSettings, Where
from bootstrap.toolchain.platforms import Platform
from bootstrap.toolchain.programs import PROGRAMS
from bootstrap.toolchain.source import Origin
from fakes.clock import FakeClock
from fakes.processes import FakeProcesses, failed, ok

LINUX = Platform(system="linux", machine="amd64")


def program(folder: Path, name: str = "helm", content: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(content)
    (folder / name).chmod(0o755)
    return folder / name


class Desk:
    """A toolchain over folders of the test, and the processes it asked."""

    def __init__(self, folder: Path, version: str = "v4.1.4") -> None:
        self.cache = folder / "cache"
        self.processes = FakeProcesses(answers={"helm version": ok(version), "kwok": ok("kwok version v0.7.0 go1")})

    def toolchain(
        self, *path: Path, given: Path | None = None, platform: Platform = LINUX, **environment: str
    ) -> Toolchain:
        settings = ToolchainSettings(
            cache=self.cache,
            environment={"PATH": ":".join(map(str, path)), **environment},
            given={} if given is None else {"helm": given},
            platform=platform,
        )
        return Toolchain(settings, self.processes, Work(CancelToken(FakeClock())))

    def cached(self, folder: Path) -> Path:
        bin_folder = program(folder / "made").parent
        store = Store(root=self.cache / "programs", platform=LINUX)
        return store.keep(PROGRAMS["helm"], Origin(version="4.1.4", source="built", path="helm"), bin_folder)

    @property
    def asked(self) -> list[str]:
        return [command.argv[0] for command in self.processes.commands]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_the_user_s_word_is_before_path(tmp_path: Path, desk: Desk) -> None:
    mine, other = program(tmp_path / "mine"), program(tmp_path / "bin")
    program_found = desk.toolchain(other.parent, given=mine).find("helm")
    assert program_found == Found(
        name="helm", version="4.1.4", path=mine, where=Where.GIVEN, why="named by --tool or settings"
    )


def test_the_flag_is_before_the_environment(tmp_path: Path, desk: Desk) -> None:
    flag, environment = program(tmp_path / "flag"), program(tmp_path / "environment")
    toolchain = desk.toolchain(given=flag, BOOTSTRAP_TOOL_HELM=str(environment))
    assert toolchain.path("helm") == flag
    assert desk.toolchain(BOOTSTRAP_TOOL_HELM=str(environment)).path("helm") == environment


@pytest.mark.parametrize(
    ("answer", "message"),
    [("v3.10.0", "is 3.10.0; accepted is >=3.17, <5"), ("hello", "reports no version; accepted is >=3.17, <5")],
)
def test_a_word_that_will_not_do_is_refused_not_replaced(tmp_path: Path, answer: str, message: str) -> None:
    desk = Desk(tmp_path, version=answer)
    toolchain = desk.toolchain(program(tmp_path / "bin").parent, given=program(tmp_path / "mine"))
    with pytest.raises(RefusedError, match=message):
        toolchain.find("helm")


def test_a_word_that_is_no_program_is_refused(tmp_path: Path, desk: Desk) -> None:
    with pytest.raises(RefusedError, match="BOOTSTRAP_TOOL_HELM, is not a program"):
        desk.toolchain(BOOTSTRAP_TOOL_HELM=str(tmp_path / "absent")).find("helm")


def test_an_accepted_one_on_path_is_before_the_cache(tmp_path: Path, desk: Desk) -> None:
    desk.cached(tmp_path)
    program_found = desk.toolchain(program(tmp_path / "bin").parent).find("helm")
    assert isinstance(program_found, Found)
    assert (program_found.where, program_found.why) == (Where.PATH, "on PATH, within >=3.17, <5")


def test_an_old_one_on_path_is_passed_over_and_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path, version="v3.2.1")
    old, cached = program(tmp_path / "bin"), desk.cached(tmp_path)
    program_found = desk.toolchain(old.parent).find("helm")
    assert isinstance(program_found, Found)
    assert (program_found.path, program_found.where) == (cached, Where.CACHE)
    assert program_found.why == f"built; {old} is not used: 3.2.1, not >=3.17, <5"


def test_a_later_one_on_path_is_taken_when_the_first_fails(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    broken, good = program(tmp_path / "a"), program(tmp_path / "b")
    desk.processes.answers = {
        "helm version": lambda command: failed(1) if command.argv[0] == str(broken) else ok("v4.0.0")
    }
    program_found = desk.toolchain(broken.parent, good.parent).find("helm")
    assert isinstance(program_found, Found)
    assert (program_found.path, program_found.version) == (good, "4.0.0")
    assert f"{broken} is not used: reports no version" in program_found.why


def test_what_is_nowhere_is_missing_and_nothing_is_asked(desk: Desk) -> None:
    missing = desk.toolchain().find("helm")
    assert missing == Missing(name="helm", why="not on PATH, not in the cache", fetchable=True)
    assert desk.asked == []


def test_a_version_is_asked_once_for_each_file(tmp_path: Path, desk: Desk) -> None:
    there = program(tmp_path / "bin")
    for _ in range(2):
        assert desk.toolchain(there.parent).version("helm") == "4.1.4"
    assert desk.asked == [str(there)]
    there.write_text("another file")
    assert desk.toolchain(there.parent).version("helm") == "4.1.4"
    assert desk.asked == [str(there)] * 2


def test_a_broken_memory_is_made_anew(tmp_path: Path, desk: Desk) -> None:
    there = program(tmp_path / "bin")
    desk.cache.mkdir()
    (desk.cache / "versions.json").write_text("{half")
    assert desk.toolchain(there.parent).version("helm") == "4.1.4"
    assert str(there) in (desk.cache / "versions.json").read_text()


def test_a_cached_program_is_not_asked_at_all(tmp_path: Path, desk: Desk) -> None:
    cached = desk.cached(tmp_path)
    assert desk.toolchain().path("helm") == cached
    assert desk.asked == []


def test_a_cached_folder_without_its_program_does_not_count(tmp_path: Path, desk: Desk) -> None:
    desk.cached(tmp_path).unlink()
    assert isinstance(desk.toolchain().find("helm"), Missing)


def test_the_control_plane_is_refused_where_it_does_not_run(desk: Desk) -> None:
    toolchain = desk.toolchain(platform=Platform(system="darwin", machine="arm64"))
    missing = toolchain.find("kube-apiserver")
    assert isinstance(missing, Missing)
    assert not missing.fetchable
    with pytest.raises(RefusedError, match=r"kube-apiserver .* needs Linux .* this is darwin/arm64") as refused:
        toolchain.obtain("kube-apiserver")
    assert refused.value.fix == "use a cluster on Docker: --provider kind or --provider k3d"


@pytest.mark.parametrize(("installed", "where"), [("1.5.30", Where.INSTALLED), ("1.4.9", None), (None, None)])
def test_a_python_program_beside_us_is_preferred_if_its_version_will_do(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, installed: str | None, where: Where | None
) -> None:
    monkeypatch.setattr("bootstrap.toolchain.find.installed_version", lambda _build: installed)
    result = desk.toolchain().find("ministack")
    assert (result.where if isinstance(result, Found) else None) is where
    if isinstance(result, Missing):
        assert result.why == "not installed, not in the cache"
        assert result.fetchable


def test_an_unknown_name_is_a_usage_error(tmp_path: Path, desk: Desk) -> None:
    with pytest.raises(UsageError, match="no program is called helmm"):
        desk.toolchain().find("helmm")
    settings = ToolchainSettings(cache=tmp_path, environment={}, given={"helmm": tmp_path}, platform=LINUX)
    with pytest.raises(UsageError, match="no program is called helmm"):
        Toolchain(settings, desk.processes, Work(CancelToken(FakeClock())))


def test_resolve_all_tells_of_every_program_and_fetches_none(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.toolchain.find.installed_version", lambda _build: None)
    resolved = desk.toolchain().resolve_all()
    assert [entry.name for entry in resolved] == list(PROGRAMS)
    assert all(isinstance(entry, Missing) for entry in resolved)
    assert desk.asked == []


def test_a_cache_that_cannot_be_written_costs_memory_only(tmp_path: Path, desk: Desk) -> None:
    desk.cache.write_text("a file is in the way")
    toolchain = desk.toolchain(program(tmp_path / "bin").parent)
    assert [toolchain.version("helm"), toolchain.version("helm")] == ["4.1.4", "4.1.4"]


def test_a_cancelled_run_is_not_taken_for_a_program_without_a_version(tmp_path: Path, desk: Desk) -> None:
    cancel = CancelToken(FakeClock())
    cancel.cancel("Ctrl-C")
    environment = {"PATH": str(program(tmp_path / "bin").parent)}
    settings = ToolchainSettings(cache=desk.cache, environment=environment, platform=LINUX)
    with pytest.raises(CancelledError, match="Ctrl-C"):
        Toolchain(settings, desk.processes, Work(cancel)).find("helm")


def test_a_program_that_tells_its_version_is_shown_no_cluster(tmp_path: Path, desk: Desk) -> None:
    desk.toolchain(program(tmp_path / "bin").parent, KUBECONFIG="/home/me/.kube/config").path("helm")
    (asked,) = desk.processes.commands
    assert (asked.env or {})["KUBECONFIG"] == "/dev/null"
