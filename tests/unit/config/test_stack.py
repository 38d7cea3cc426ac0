"""Stack files: what is valid reads as declared, what is not says exactly why; all problems at once."""

from pathlib import Path

import pytest

from bootstrap.config.flags import Overrides
from bootstrap.config.stack import LoadedStack, load_stack
from bootstrap.errors import InvalidError, UsageError
from bootstrap.model.stack import (
    ClusterSpec,
    Driver,
    EmulatorSpec,
    HostPorts,
    Mount,
    Placement,
    Provider,
    SourceSpec,
    Stack,
)

DATA = Path(__file__).parents[2] / "data"
STACKS = DATA / "stacks"

INVALID = sorted(STACKS.glob("invalid-*.yaml"))


def loaded(reference: str | None, overrides: Overrides | None = None, **environment: str) -> LoadedStack:
    return load_stack(reference, overrides or Overrides(), cwd=STACKS, environment=environment)


def valid(name: str) -> Stack:
    return loaded(f"valid-{name}.yaml").stack


def test_every_message_has_its_file() -> None:
    assert {path.stem for path in INVALID} == {path.stem for path in STACKS.glob("invalid-*.txt")}
    assert len(INVALID) >= 25


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_file_says_why(path: Path) -> None:
    """The messages stand beside the file; DATA is tests/data."""
    with pytest.raises(InvalidError) as caught:
        loaded(path.name)
    assert str(caught.value).replace(str(DATA), "DATA") + "\n" == path.with_suffix(".txt").read_text()


def test_the_least_that_can_be_said() -> None:
    assert valid("minimal") == Stack(name="valid-minimal", file=STACKS / "valid-minimal.yaml", project=DATA)


def test_all_that_can_be_said() -> None:
    assert valid("full") == Stack(
        name="valid-full",
        file=STACKS / "valid-full.yaml",
        project=DATA,
        cluster=ClusterSpec(
            provider=Provider.KIND,
            kubernetes="1.34.2",
            workers=2,
            ports=HostPorts(http=8081, https=8444),
            image="kindest/node:v1.34.2",
            config=STACKS / "kind.yaml",
            feature_gates={"InPlacePodVerticalScaling": True, "Other": False},
            mounts=(Mount(here=STACKS / "seeds", inside="/seeds", read_only=True),),
        ),
        emulator=EmulatorSpec(
            driver=Driver.MINISTACK,
            placement=Placement.CONTAINER,
            release="localstack/localstack",
            region="eu-central-1",
            port=4567,
            image="ministack:1",
            persist=False,
        ),
        seeds=(STACKS / "seeds", STACKS / "seeds" / "more.yaml"),
        source=SourceSpec(root=STACKS, path="flux", substitute={"cluster_name": "full"}),
        variables={"app_image": "app:1"},
        mirrors={"https://charts.example.com": "http://127.0.0.1:8090"},
    )


def test_a_stack_may_have_no_emulator() -> None:
    assert valid("no-emulator").emulator is None


def test_an_existing_cluster_is_named_and_proven() -> None:
    cluster = valid("existing").cluster
    assert (cluster.provider, cluster.context) == (Provider.EXISTING, "shared")
    assert cluster.uid == "0b5e0a9c-8f6e-4c7e-9a55-3f1f3b0f8d11"


def test_an_endpoint_is_an_address() -> None:
    emulator = valid("endpoint").emulator
    assert emulator is not None
    assert (emulator.placement, emulator.endpoint) == (Placement.ENDPOINT, "http://127.0.0.1:4566")


def test_the_nearest_source_wins_and_is_known() -> None:
    flags = Overrides(sets=("cluster.kubernetes=1.30", "cluster.workers=3"), provider="k3d", variables=("a=1",))
    environment = {"BOOTSTRAP_SET_cluster__workers": "2", "BOOTSTRAP_SET_cluster__ports__http": "9000"}
    full = loaded("valid-full.yaml", flags, **environment)
    origins = {value.path: (value.value, value.origin) for value in full.values}
    assert origins["cluster.provider"] == ("k3d", "--provider")
    assert origins["cluster.kubernetes"] == ("1.30", "--set")
    assert origins["cluster.workers"] == (3, "--set")
    assert origins["cluster.ports.http"] == (9000, "BOOTSTRAP_SET_cluster__ports__http")
    assert origins["cluster.ports.https"] == (8444, "valid-full.yaml:8")
    assert origins["variables.a"] == ("1", "--var")
    assert origins["variables.app_image"] == ("app:1", "valid-full.yaml:26")
    assert full.stack.variables == {"app_image": "app:1", "a": "1"}
    assert full.stack.cluster.ports == HostPorts(http=9000, https=8444)


def test_defaults_are_shown_as_such_and_only_where_they_mean_something() -> None:
    shown = [(value.path, value.origin) for value in loaded("valid-no-emulator.yaml").values]
    assert shown == [
        ("apiVersion", "valid-no-emulator.yaml:1"),
        ("kind", "valid-no-emulator.yaml:2"),
        ("cluster.provider", "default"),
        ("cluster.kubernetes", "default"),
        ("cluster.workers", "default"),
        ("cluster.ports.http", "default"),
        ("cluster.ports.https", "default"),
        ("cluster.profile", "default"),
        ("cluster.featureGates", "default"),
        ("cluster.mounts", "default"),
        ("cluster.bake", "default"),
        ("emulator", "valid-no-emulator.yaml:3"),
        ("seeds", "default"),
        ("snapshot.afterUp", "default"),
    ]


@pytest.mark.parametrize(
    ("written", "path", "value"),
    [
        ("cluster.kubernetes=1.30", "cluster.kubernetes", "1.30"),
        ('cluster.kubernetes="1.30"', "cluster.kubernetes", "1.30"),
        ("cluster.image=reg:5000/a@sha256:1 #2", "cluster.image", "reg:5000/a@sha256:1 #2"),
        ("cluster.workers=0x2", "cluster.workers", 2),
        ("cluster={workers: 4}", "cluster.workers", 4),
        ("seeds=[]", "seeds", []),
        ("cluster.workers=null", "cluster.workers", 0),
        ('mirrors["https://a.b"]=http://c', 'mirrors["https://a.b"]', "http://c"),
        ("source.substitute.x=", "source.substitute.cluster_name", "full"),
        ("variables.eq=a=b", "variables.eq", "a=b"),
    ],
)
def test_set_reads_values_as_the_field_wants_them(written: str, path: str, value: object) -> None:
    shown = {
        shown_value.path: shown_value.value
        for shown_value in loaded("valid-full.yaml", Overrides(sets=(written,))).values
    }
    assert shown[path] == value


def test_null_takes_away_what_has_no_default() -> None:
    assert loaded("valid-full.yaml", Overrides(sets=("cluster.image=null",))).stack.cluster.image is None


def test_the_emulator_can_be_set_off_and_on_again() -> None:
    assert loaded("valid-full.yaml", Overrides(sets=("emulator=false",))).stack.emulator is None
    again = loaded("valid-no-emulator.yaml", Overrides(sets=("emulator.port=4567",))).stack.emulator
    assert again == EmulatorSpec(port=4567)


def test_problems_of_every_source_are_told_at_once() -> None:
    flags = Overrides(sets=("cluster.provder=x", "emulator.placement=chart"), provider="kwok", variables=("a-b=1",))
    with pytest.raises(InvalidError) as caught:
        loaded("invalid-unknown-key.yaml", flags, BOOTSTRAP_SET_zzz="1", BOOTSTRAP_SET_seeds="[nowhere]")
    hint = "(known: apiVersion, kind, metadata, cluster, emulator, seeds, source, images, variables, snapshot, mirrors)"
    assert str(caught.value).splitlines() == [
        "invalid-unknown-key.yaml:4: cluster.provder: unknown key (did you mean provider?)",
        f"BOOTSTRAP_SET_zzz: zzz: unknown key {hint}",
        "--var: variables.a-b: is not a variable's name (letters, digits and _)",
        f'BOOTSTRAP_SET_seeds: seeds[0]: "nowhere" does not exist (looked for {STACKS}/nowhere)',
        "--set: emulator.placement: chart cannot be used on kwok, whose pods are simulated: "
        "write process, container or auto",
    ]


def test_another_provider_asked_for_by_a_flag_does_not_read_the_context() -> None:
    flags = Overrides(provider="kwok", sets=("emulator.placement=auto",))
    assert loaded("valid-existing.yaml", flags).stack.cluster.provider is Provider.KWOK


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (Overrides(sets=("cluster.workers",)), "--set cluster.workers: is not key=value"),
        (Overrides(sets=("=1",)), "--set =1: is not key=value"),
        (Overrides(variables=("a",)), "--var a: is not name=value"),
        (Overrides(variables=("=a",)), "--var =a: is not name=value"),
        (Overrides(root=Path()), "--root needs --repo"),
        (
            Overrides(repo=Path()),
            "--repo runs a repository without a stack file, but valid-minimal.yaml was named too",
        ),
    ],
)
def test_flags_that_cannot_be_meant(flags: Overrides, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        loaded("valid-minimal.yaml", flags)
    assert caught.value.what == said


def test_set_with_broken_yaml_names_the_flag() -> None:
    with pytest.raises(InvalidError, match=r"--set: seeds: is not YAML"):
        loaded("valid-minimal.yaml", Overrides(sets=("seeds=[",)))


def test_chart_mirrors_come_from_the_environment_too() -> None:
    text = "https://a.b=http://127.0.0.1:1 oci://c=oci://127.0.0.1:2"
    assert loaded("valid-minimal.yaml", None, BOOTSTRAP_CHART_MIRROR=text).stack.mirrors == {
        "https://a.b": "http://127.0.0.1:1",
        "oci://c": "oci://127.0.0.1:2",
    }
    with pytest.raises(InvalidError, match=r'BOOTSTRAP_CHART_MIRROR: "https://a\.b" is not PREFIX=INSTEAD'):
        loaded("valid-minimal.yaml", None, BOOTSTRAP_CHART_MIRROR="https://a.b")


def test_relative_paths_start_where_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    flags = Overrides(sets=("seeds=[mine]",))
    loaded_stack = load_stack(str(STACKS / "valid-full.yaml"), flags, cwd=tmp_path, environment={})
    assert loaded_stack.stack.seeds == (tmp_path / "mine",)
    assert loaded_stack.stack.source == SourceSpec(root=STACKS, path="flux", substitute={"cluster_name": "full"})


def test_a_name_is_searched_upwards(tmp_path: Path) -> None:
    stacks = tmp_path / "stacks"
    below = tmp_path / "a" / "b"
    stacks.mkdir()
    below.mkdir(parents=True)
    (stacks / "dev.yaml").write_text((STACKS / "valid-minimal.yaml").read_text())
    loaded_stack = load_stack(None, Overrides(), cwd=below, environment={})
    assert loaded_stack.stack == Stack(name="dev", file=stacks / "dev.yaml", project=tmp_path)
    assert loaded_stack.values[0].origin == "../../stacks/dev.yaml:1"


def test_a_name_that_is_not_there_says_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_stack("dev", Overrides(), cwd=tmp_path, environment={})
    assert "have no folder stacks" in caught.value.what
    (tmp_path / "stacks").mkdir()
    (tmp_path / "stacks" / "quickstart.yaml").touch()
    for name, fix in (("quikstart", "did you mean quickstart?"), ("zzz", "there are: quickstart")):
        with pytest.raises(UsageError) as caught:
            load_stack(name, Overrides(), cwd=tmp_path, environment={})
        assert (caught.value.what, caught.value.fix) == (f"there is no stack {name} in stacks", fix)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"the stack file none\.yaml does not exist"):
        load_stack("none.yaml", Overrides(), cwd=tmp_path, environment={})
    with pytest.raises(UsageError, match=r"the stack file \./ is a folder"):
        load_stack("./", Overrides(), cwd=tmp_path, environment={})


def test_a_foreign_repository_needs_no_stack_file(tmp_path: Path) -> None:
    entry = tmp_path / "My Fleet" / "clusters" / "dev"
    entry.mkdir(parents=True)
    alone = load_stack(None, Overrides(repo=entry), cwd=tmp_path, environment={}).stack
    assert (alone.name, alone.source) == ("dev", SourceSpec(root=entry, path="."))
    (tmp_path / "My Fleet" / ".git").mkdir()
    resolved = load_stack(None, Overrides(repo=Path("My Fleet/clusters/dev")), cwd=tmp_path, environment={}).stack
    root = tmp_path / "My Fleet"
    assert resolved == Stack(
        name="my-fleet", file=None, project=root, source=SourceSpec(root=root, path="clusters/dev")
    )


def test_root_says_what_the_paths_of_a_repository_are_relative_to(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    flags = Overrides(repo=Path("a/b"), root=Path("a"))
    resolved = load_stack(None, flags, cwd=tmp_path, environment={}).stack
    assert resolved.source == SourceSpec(root=tmp_path / "a", path="b")
    with pytest.raises(UsageError, match="--repo a: is not inside --root a/b"):
        load_stack(None, Overrides(repo=Path("a"), root=Path("a/b")), cwd=tmp_path, environment={})
    with pytest.raises(UsageError, match="--repo none: is not a folder"):
        load_stack(None, Overrides(repo=Path("none")), cwd=tmp_path, environment={})


def test_a_stack_under_another_name_in_a_folder_of_stacks_is_refused_unless_a_flag_says_so() -> None:
    named = Overrides(sets=("metadata.name=other",))
    assert loaded("valid-full.yaml", named).stack.name == "other"
