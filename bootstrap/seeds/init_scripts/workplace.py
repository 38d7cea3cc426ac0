"""Where init scripts run: copies of their folders, a home of their own, and an environment that names the emulator.

Nothing of it is the user's: what scripts write, wherever they mean to, is gone with it.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.init_scripts.addresses import profiles
from bootstrap.seeds.init_scripts.guard import emulator_hosts
from bootstrap.seeds.init_scripts.guard.program import NAMES, Programs
from bootstrap.seeds.init_scripts.guard.report import BASH_ENVIRONMENT
from bootstrap.seeds.init_scripts.scripts import Script, beside, entries_of, reads_outside, texts_of
from bootstrap.system.files import private_folder, write_whole

CONTAINER_FOLDERS = ("/etc/localstack/init/ready.d", "/docker-entrypoint-initaws.d")
"""Where LocalStack, now and formerly, has what is `ready.d` here."""
_CONTAINER_PARENT = "/etc/localstack/init"
INSTALL_AWS = "run: pip install awscli"
_GUARD = Path(emulator_hosts.__file__).parent
PACKAGE_ROOT = _GUARD.parents[3]
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
_HASH_LENGTH = 8
# Nothing listens on the port of the discard protocol, and nobody may without being root.
_NOWHERE = "http://127.0.0.1:9"
_INHERITED = ("LANG", "LC_ALL", "TERM", "USER", "LOGNAME", "TZ")
_REWRITTEN = frozenset({".sh", ".bash", ".py", ".env", ""})
_CALL_PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from bootstrap.seeds.init_scripts.guard.program import main; main()"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workplace:
    """One run's place for its scripts."""

    folder: Path
    endpoint: EmulatorEndpoint
    variables: Mapping[str, str] = field(default_factory=dict)
    """Besides what every script is given, such as a compose file's."""
    mounts: Mapping[str, Path] = field(default_factory=dict)
    """Files and folders that a container would have at these paths."""

    @property
    def home(self) -> Path:
        """The scripts' home."""
        return self.folder / "home"

    @property
    def report(self) -> Path:
        """What failed, as bash and the programs in front report it."""
        return self.folder / "report"

    def copy_of(self, file: Path, folder: Path) -> Path:
        """Where the copy of a file in a `ready.d` is."""
        return self._copied(folder) / file.relative_to(folder)

    def original_of(self, file: str, folder: Path) -> str:
        """The user's file that a copy was made of."""
        copied = str(self._copied(folder))
        return str(folder) + file[len(copied) :] if file.startswith(copied) else file

    @property
    def log(self) -> Path:
        """Leads to the log of the script that runs."""
        return self.folder / "log"

    def make(self, scripts: Iterable[Script]) -> None:
        """Copy what the scripts can read, and write what stands between them and the rest of the world."""
        for name in ("home/.aws", "tmp", "bin", "python"):
            (self.folder / name).mkdir(parents=True)
        given = list(scripts)
        paths = self._container_paths(given)
        for script in given:
            self._copy_readable(script)
        for target, source in self.mounts.items():
            _copy(source, self._mounted(target))
        for file in (self.folder / "files").rglob("*"):
            if file.is_file() and file.suffix in _REWRITTEN:
                _rewrite(file, paths)
        self._profiles(given)
        self._python()
        self._programs(paths)

    def begin(self, log: Path) -> None:
        """The next script prints into `log`; nothing is known of its commands yet."""
        private_folder(log.parent)
        log.unlink(missing_ok=True)
        self.log.unlink(missing_ok=True)
        self.log.symlink_to(log.resolve())
        self.report.unlink(missing_ok=True)

    def path(self) -> str:
        """PATH of the scripts: the programs in front, then this Python's, then the user's."""
        parts = (str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))
        return os.pathsep.join(parts)

    def environment(self) -> dict[str, str]:
        """The whole environment of a script."""
        address = urlsplit(self.endpoint.url)
        host = address.hostname or ""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        return {
            **inherited,
            **dict.fromkeys(_PROXIES, _NOWHERE),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), f"127.0.0.1,localhost,::1,{host}"),
            **self.variables,
            "PATH": self.path(),
            "HOME": str(self.home),
            "TMPDIR": str(self.folder / "tmp"),
            "PYTHONPATH": str(self.folder / "python"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "BASH_ENV": str(self.folder / "bash"),
            "AWS_ACCESS_KEY_ID": self.endpoint.access_key or "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": self.endpoint.region,
            "AWS_REGION": self.endpoint.region,
            "DEFAULT_REGION": self.endpoint.region,
            "AWS_ENDPOINT_URL": self.endpoint.url,
            "AWS_CONFIG_FILE": str(self.home / ".aws/config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.home / ".aws/credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "LOCALSTACK_HOSTNAME": host,
            "EDGE_PORT": str(address.port or 80),
        }

    def _copied(self, folder: Path) -> Path:
        place = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:_HASH_LENGTH]
        return self.folder / "files" / place / "ready.d"

    def _mounted(self, target: str) -> Path:
        return self.folder / "files" / "mounted" / target.strip("/")

    def _container_paths(self, scripts: Iterable[Script]) -> dict[str, str]:
        """Paths of a container, and what stands for each here; those inside others come first."""
        replacements: dict[str, str] = {}
        for script in scripts:
            copied = self._copied(script.folder)
            replacements |= {name: str(copied) for name in CONTAINER_FOLDERS} | {_CONTAINER_PARENT: str(copied.parent)}
        replacements |= {target.rstrip("/"): str(self._mounted(target)) for target in self.mounts}
        return dict(sorted(replacements.items(), key=lambda pair: -len(pair[0])))

    def _copy_readable(self, script: Script) -> None:
        for entry in entries_of(script):
            _copy(entry, self.copy_of(entry, script.folder))
        for path in beside(script.folder) if reads_outside(script) else ():
            _copy(path, self._copied(script.folder).parent / path.name)

    def _profiles(self, scripts: Iterable[Script]) -> None:
        """Profiles that scripts use by name, with the dummy credentials that they have everywhere else."""
        names = {"default", *profiles(text for script in scripts for text in texts_of(script).values())}
        lines = [f"[{name}]\naws_access_key_id = test\naws_secret_access_key = test\n" for name in sorted(names)]
        write_whole(self.home / ".aws/credentials", "".join(lines).encode())
        write_whole(self.home / ".aws/config", b"")

    def _programs(self, paths: Mapping[str, str]) -> None:
        """The programs in front of `aws` and `curl`, and bash's own part."""
        real = _real_programs(os.environ.get("PATH", os.defpath))
        log, report, file = str(self.log), str(self.report), self.folder / "programs.json"
        programs = Programs(
            emulator=self.endpoint.url, real=real, log=log, report=report, paths=dict(paths), fix=INSTALL_AWS
        )
        write_whole(file, json.dumps(asdict(programs)).encode())
        for name in NAMES:
            if name in real or name.startswith("aws"):
                call = (sys.executable, "-I", "-S", "-c", _CALL_PROGRAM, str(PACKAGE_ROOT), str(file), name)
                text = f'#!/bin/sh\nexec {shlex.join(call)} "$@"\n'
                write_whole(self.folder / "bin" / name, text.encode(), mode=0o700)
        text = BASH_ENVIRONMENT.replace("LOG", shlex.quote(log)).replace("REPORT", shlex.quote(report))
        write_whole(self.folder / "bash", text.encode())

    def _python(self) -> None:
        for name in ("sitecustomize.py", "emulator_hosts.py"):
            write_whole(self.folder / "python" / name, (_GUARD / name).read_bytes())
        address = urlsplit(self.endpoint.url)
        endpoint_values = {"url": self.endpoint.url, "host": address.hostname, "port": address.port or 80}
        write_whole(self.folder / "python" / "emulator.json", json.dumps(endpoint_values).encode())


def _real_programs(path: str) -> dict[str, str]:
    """Where the programs are that we stand in front of."""
    programs = {
        name: shutil.which(name, path=os.pathsep.join((path, str(Path(sys.executable).parent))))
        for name in NAMES
        if name != "awslocal"
    }
    return {name: program for name, program in programs.items() if program is not None}


def _copy(source: Path, target: Path) -> None:
    """A copy that can be written, whatever the source allows; no sockets and pipes. What was copied before stays."""
    if target.exists():
        return
    if source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    elif source.is_dir():
        shutil.copytree(source, target, ignore=_special, ignore_dangling_symlinks=True, dirs_exist_ok=True)
    for path in (target, *target.rglob("*")) if target.exists() else ():
        path.chmod(path.stat().st_mode | stat.S_IWUSR | stat.S_IRUSR | (stat.S_IXUSR if path.is_dir() else 0))


def _special(folder: str, names: list[str]) -> list[str]:
    paths = {name: Path(folder, name) for name in names}
    return [name for name, path in paths.items() if name == ".git" or not (path.is_file() or path.is_dir())]


def _rewrite(file: Path, paths: Mapping[str, str]) -> None:
    """Paths of a container in a script become paths of here; the number of its lines stays."""
    content = file.read_bytes()
    alternatives = "|".join(map(re.escape, paths))
    pattern = re.compile(rf"(?<![\w.}})-])(?:{alternatives})(?![\w-])".encode())
    changed = pattern.sub(lambda match: os.fsencode(paths[os.fsdecode(match[0])]), content)
    if changed != content:
        file.write_bytes(changed)
