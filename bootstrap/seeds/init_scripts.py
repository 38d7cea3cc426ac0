"""LocalStack's init scripts (`ready.d/*.sh`, `*.py`): run after the fixtures, once per content and incarnation.

A script runs with dummy credentials, an `aws` and an `awslocal` first on PATH that name the endpoint, and proxies that
lead nowhere: whatever else it asks for, it asks in vain.
"""

import hashlib
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bootstrap.errors import StepFailedError
from bootstrap.model.event import Say
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.applied_state import Marker
from bootstrap.seeds.model import Action, ResourceId
from bootstrap.seeds.results import Failure, ResourceChange
from bootstrap.seeds.target import Target
from bootstrap.system.files import write_whole
from bootstrap.system.processes import Command, Processes

SERVICE = "ready.d"
"""What scripts are called in plans: `ready.d/10-buckets.sh`."""

_SUFFIXES = frozenset({".sh", ".py"})
_SECONDS = 600.0
# Nothing listens on the port of the discard protocol, and nobody may without being root.
_NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """One init script."""

    file: Path
    content: str
    """Hash of its bytes."""

    @property
    def id(self) -> ResourceId:
        """By its name, which also is its place in the order."""
        return ResourceId(SERVICE, self.file.name)

    def done(self, marker: Marker) -> bool:
        """Whether it ran with this content since the emulator lost its data."""
        return marker.done_once(str(self.id)) == self.content

    def told(self, marker: Marker) -> ResourceChange:
        """For plan and result."""
        before = marker.done_once(str(self.id))
        if before == self.content:
            return ResourceChange(id=self.id, action=Action.UNCHANGED, reason="has run", place=str(self.file))
        action, reason = (Action.CREATE, "has not run") if before is None else (Action.UPDATE, "its content changed")
        return ResourceChange(id=self.id, action=action, reason=reason, place=str(self.file), applies=True)


def scripts_in(folders: Iterable[Path]) -> list[Script]:
    """The scripts of every folder's `ready.d`, in lexical order of their names."""
    files = [file for folder in folders for file in (folder / SERVICE).glob("*") if file.suffix in _SUFFIXES]
    return [
        Script(file=file, content=hashlib.sha256(file.read_bytes()).hexdigest())
        for file in sorted(files, key=lambda file: (file.name, str(file)))
        if file.is_file()
    ]


def run_scripts(
    scripts: Sequence[Script], target: Target, marker: Marker, processes: Processes, logs: Path, say: Say
) -> list[Failure]:
    """Run those that are not done, one after the other; the first failure skips the rest."""
    with tempfile.TemporaryDirectory(prefix="bootstrap-ready-") as name:
        folder = Path(name)
        environment = script_environment(target.endpoint, folder)
        for number, script in enumerate(scripts):
            say(f"running {script.id}")
            try:
                _run(script, target, processes, environment, logs)
            except StepFailedError as error:
                rest = [Failure(id=later.id, error=None, because=script.id) for later in scripts[number + 1 :]]
                return [Failure(id=script.id, error=error), *rest]
            marker.do_once(str(script.id), script.content)
    return []


def script_environment(endpoint: EmulatorEndpoint, folder: Path) -> dict[str, str]:
    """The whole environment of a script; `folder` becomes its home and holds the wrappers."""
    programs = folder / "bin"
    programs.mkdir(mode=0o700)
    path = os.environ.get("PATH", os.defpath)
    real = shutil.which("aws", path=os.pathsep.join((path, str(Path(sys.executable).parent))))
    for name in ("aws", "awslocal"):
        write_whole(programs / name, _wrapper(real, endpoint).encode(), mode=0o700)
    host = urlsplit(endpoint.url).hostname or ""
    proxies = dict.fromkeys(
        ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), _NOWHERE
    )
    inherited = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TERM", "USER") if name in os.environ}
    return {
        **inherited,
        **proxies,
        "NO_PROXY": f"127.0.0.1,localhost,::1,{host}",
        "no_proxy": f"127.0.0.1,localhost,::1,{host}",
        "PATH": f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{path}",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": endpoint.region,
        "AWS_REGION": endpoint.region,
        "AWS_ENDPOINT_URL": endpoint.url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "LOCALSTACK_HOSTNAME": host,
        "EDGE_PORT": str(urlsplit(endpoint.url).port or 80),
    }


def _wrapper(real: str | None, endpoint: EmulatorEndpoint) -> str:
    """The CLI with the endpoint named: its `sqs` asks real AWS where only AWS_ENDPOINT_URL does."""
    if real is None:
        return "#!/bin/sh\necho 'the aws command line is not installed (run: pip install awscli)' >&2\nexit 127\n"
    return f'#!/bin/sh\nexec {shlex.quote(real)} --endpoint-url {shlex.quote(endpoint.url)} "$@"\n'


def _run(script: Script, target: Target, processes: Processes, environment: Mapping[str, str], logs: Path) -> None:
    command = Command(argv=_argv(script.file), env=environment, cwd=script.file.parent, recorded=True)
    token = target.cancel.within(_SECONDS, f"init script {script.file.name}")
    finished = processes.run(command, token, check=False)
    output = finished.stdout + finished.stderr
    log = logs / f"{script.file.name}.log"
    write_whole(log, output)
    if finished.returncode != 0:
        lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
        raise StepFailedError(
            f"init script {script.file} failed with exit code {finished.returncode}",
            evidence=lines[-5:],
            command=str(command),
            log=str(log),
            fix="correct the script, then apply again: it runs once more from its beginning",
        )


def _argv(file: Path) -> tuple[str, ...]:
    if file.suffix == ".py":
        return (sys.executable, str(file.resolve()))
    first = file.read_bytes().partition(b"\n")[0].decode(errors="replace").strip()
    interpreter = shlex.split(first[2:]) if first.startswith("#!") else [shutil.which("bash") or "/bin/sh"]
    return (*interpreter, str(file.resolve()))
