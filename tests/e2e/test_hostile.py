"""Fifty surroundings that lead astray, through real commands: not one write reaches where they lead.

Twelve ways in which a kubeconfig can lie and six sets of variables, all leading to a server that agrees to everything
and remembers it. What is asked of a stack here must come out as if they were not there, or be refused.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from bootstrap.state.paths import cache_folder
from fakes.decoy import Decoy
from fakes.hostile import DECOY_UID, Astray, Surroundings, agreeing, cases, writes

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="the embedded cluster runs on Linux only"),
]

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("BOOTSTRAP_HOSTILE_SEED", "1"))
NAME = f"hostile-{os.getpid()}"
FILES = tuple(Astray(folder=Path(), decoy="http://x", names=("x",)).files)
VARIABLES = ("nothing", "helm", "in a cluster", "proxies", "aws", "kind")
VERBS = ("up", "plan", "status", "diff", "seed plan", "seed apply", "env", "down of another", "down --all of another")
ON_KWOK = cases(24, SEED, files=FILES, variables=VARIABLES, verbs=VERBS)
TO_PROVE = cases(12, SEED, files=FILES, variables=VARIABLES, verbs=("up", "up --only cluster", "repair"))
PROVEN = cases(14, SEED, files=FILES, variables=VARIABLES, verbs=("up", "plan", "status", "diff"))


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class User:
    """A user's corner with the quickstart stack of this repository."""

    folder: Path

    def run(self, *words: str, variables: Mapping[str, str] | None = None, kubeconfig: str = "") -> Ended:
        kept = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "BOOTSTRAP_TOOL_"))}
        own = {
            "HOME": str(self.folder / "home"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(cache_folder(os.environ).parent),
        }
        named = {"KUBECONFIG": kubeconfig} if kubeconfig else {}
        ended = subprocess.run(
            [sys.executable, "-m", "bootstrap", *words],
            cwd=ROOT,
            env={**kept, **(variables or {}), **own, **named},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        return Ended(code=ended.returncode, out=ended.stdout, err=ended.stderr)

    def done(self, *words: str) -> str:
        ended = self.run(*words)
        assert ended.code == 0, ended.err
        return ended.out


@pytest.fixture(scope="module")
def decoy() -> Iterator[Decoy]:
    new_decoy = Decoy()
    new_decoy.reply = agreeing
    yield new_decoy
    new_decoy.stop()


@pytest.fixture(autouse=True)
def unasked(decoy: Decoy) -> None:
    decoy.seen.clear()


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[User]:
    """One whose stack runs on kwok, beside a cluster that others may say is theirs."""
    new_user = User(folder=tmp_path_factory.mktemp("user"))
    new_user.done("up", "quickstart", "--provider", "kwok", "--name", NAME)
    new_user.done("up", "quickstart", "--provider", "kwok", "--name", f"{NAME}-real", "--only", "cluster")
    yield new_user
    new_user.run("down", "--all")


@pytest.fixture
def astray(user: User, decoy: Decoy) -> Astray:
    (user.folder / "a-program-ran").unlink(missing_ok=True)
    names = (f"bootstrap-quickstart-{NAME}", "shared", "bootstrap-quickstart", "kind-bootstrap-quickstart")
    return Astray(folder=user.folder, decoy=decoy.url, names=names)


@pytest.fixture(scope="module")
def real(user: User) -> dict[str, str]:
    """The kubeconfig and the UID of the cluster that is meant by `shared`."""
    file = user.done("kubeconfig", "quickstart", "--name", f"{NAME}-real").strip()
    document = yaml.safe_load(Path(file).read_text())
    document["contexts"][0]["name"] = document["current-context"] = "shared"
    shared = user.folder / "shared.yaml"
    shared.write_text(yaml.safe_dump(document))
    asked = ("--kubeconfig", str(shared), "get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}")
    words = ("run", "--stack", "quickstart", "--name", NAME, "--", "kubectl", *asked)
    return {"kubeconfig": str(shared), "uid": user.done(*words).strip()}


def existing(real: Mapping[str, str], name: str) -> tuple[str, ...]:
    sets = ("cluster.context=shared", f"cluster.uid={real['uid']}", "emulator=false", "seeds=[]")
    return (
        "quickstart",
        "--name",
        name,
        "--provider",
        "existing",
        *(word for assignment in sets for word in ("--set", assignment)),
    )


def words_of(case: Surroundings) -> tuple[str, ...]:
    match case.verb:
        case "seed plan" | "seed apply":
            return (*case.verb.split(), "--stack", "quickstart", "--name", NAME)
        case "down of another":
            return ("down", "quickstart", "--name", f"{NAME}-nobody", "--provider", "kwok")
        case "down --all of another":
            return ("down", "--all", "--name", f"{NAME}-nobody")
        case _:
            return (case.verb, "quickstart", "--name", NAME)


def surrounded(user: User, astray: Astray, case: Surroundings, *words: str) -> Ended:
    home = user.folder / "home" / ".kube" / "config"
    home.unlink(missing_ok=True)
    return user.run(*words, variables=astray.variables[case.variables], kubeconfig=astray.files[case.files]())


@pytest.mark.parametrize("case", ON_KWOK, ids=str)
def test_a_stack_of_our_own_never_notices(user: User, astray: Astray, decoy: Decoy, case: Surroundings) -> None:
    ended = surrounded(user, astray, case, *words_of(case))
    if case.verb == "status":
        # On a busy machine simulated machines are now and then not heard of, and their pods not ready: that is true.
        assert ended.code in {0, 1}, ended.err
        assert [line.split()[1] for line in ended.out.splitlines()[1:4]] == ["up", "up", "up"], ended.out
    else:
        assert ended.code == 0, ended.err
    assert [f"{request.method} {request.path}" for request in decoy.seen] == []
    assert not astray.ran.exists()
    if case.verb == "env":
        assert decoy.url not in ended.out


@pytest.mark.parametrize("case", TO_PROVE, ids=str)
def test_a_cluster_that_is_not_the_one_meant_is_refused(
    user: User, astray: Astray, decoy: Decoy, real: Mapping[str, str], case: Surroundings
) -> None:
    verb, *more = case.verb.split()
    ended = surrounded(user, astray, case, verb, *more, *existing(real, f"{NAME}-unproven"))
    assert ended.code == 4, ended.err
    messages = {f"has uid {DECOY_UID}, not {real['uid']}", "no entry 'shared'", "cannot read", "cannot be used: "}
    assert any(text in ended.err for text in messages), ended.err
    assert writes(decoy) == []
    assert user.run("down", *existing(real, f"{NAME}-unproven")).code == 0


@pytest.mark.parametrize("case", PROVEN, ids=str)
def test_a_cluster_that_was_proven_is_gone_on_with_whatever_the_users_files_say(
    user: User, astray: Astray, decoy: Decoy, real: Mapping[str, str], case: Surroundings
) -> None:
    words = existing(real, f"{NAME}-proven")
    if not any((user.folder / "state" / "bootstrap").glob(f"quickstart-{NAME}-proven-*/kubeconfig")):
        assert user.run("up", *words, kubeconfig=real["kubeconfig"]).code == 0
    ended = surrounded(user, astray, case, case.verb, *words)
    assert ended.code in ({0, 1} if case.verb == "status" else {0}), ended.err + ended.out
    assert [f"{request.method} {request.path}" for request in decoy.seen] == []
    assert not astray.ran.exists()


def test_brought_up_and_taken_away_with_all_of_it_at_once(user: User, astray: Astray, decoy: Decoy) -> None:
    variables = {name: value for variable in VARIABLES for name, value in astray.variables[variable].items()}
    file = Path(astray.files["same name twice"]())
    before = file.read_bytes()
    words = ("quickstart", "--provider", "kwok", "--name", f"{NAME}-cold")
    for verb in ("up", "up", "status", "down"):
        ended = user.run(verb, *words, variables=variables, kubeconfig=str(file))
        assert ended.code == 0, ended.err
    assert [f"{request.method} {request.path}" for request in decoy.seen] == []
    assert file.read_bytes() == before
    assert not list((user.folder / "state" / "bootstrap").glob(f"quickstart-{NAME}-cold-*"))


def test_the_decoy_would_have_noticed(user: User, astray: Astray, decoy: Decoy) -> None:
    """kubectl, left to these surroundings, writes to it."""
    file = astray.files["our names"]()
    words = ("run", "--stack", "quickstart", "--name", NAME, "--", "kubectl", "--kubeconfig", file)
    user.run(*words, "create", "namespace", "theirs", "--validate=false")
    assert [write.partition("?")[0] for write in writes(decoy)] == ["POST /api/v1/namespaces"]
