"""Running init scripts: behind a guard, in a place of their own, and with every word of theirs kept."""

import contextlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bootstrap.errors import DeadlineError, InvalidError, Problem, StepFailedError
from bootstrap.model.observed import EmulatorEndpoint
from bootstrap.seeds.init_scripts.addresses import foreign_addresses, local_ports, unled_programs
from bootstrap.seeds.init_scripts.first_line import Interpreter, interpreter_of
from bootstrap.seeds.init_scripts.guard import gate
from bootstrap.seeds.init_scripts.guard.confinement import Guard
from bootstrap.seeds.init_scripts.guard.emulator_hosts import SERVICE_PORT
from bootstrap.seeds.init_scripts.guard.gate import Launch, Outcome
from bootstrap.seeds.init_scripts.guard.report import ENDED, FAILED, MISSING, REFUSED, Entry, entries
from bootstrap.seeds.init_scripts.scripts import Script, texts_of
from bootstrap.seeds.init_scripts.workplace import INSTALL_AWS, PACKAGE_ROOT, Workplace
from bootstrap.seeds.results import Failure, ScriptWarning
from bootstrap.system.files import private_folder, write_whole
from bootstrap.system.processes import Command, Finished, Processes
from bootstrap.system.work import Work

SECONDS = 600.0
"""How long one script may take."""

_WORKPLACE = "running-scripts-"
_PROBE_SECONDS = 30.0
_WARNING_LINES = 3
_CORRECT = "correct the script, then run the same command again: the script then runs from its start"
_CORRECTION = re.compile(r"(?P<what>.*) \((?P<fix>(?:run|write|install|leave)\b.*)\)")
_NOT_FOUND = re.compile(
    r"(?:line \d+: |: \d+: |^)(?P<name>[\w.+-]+): (?:command )?not found|command not found: (?P<zsh>\S+)"
)
_UNREACHED = re.compile(
    r"Could not connect to the endpoint URL: \"(?P<url>[^\"]+)\"|Could not resolve host: (?P<host>\S+)"
    r"|Failed to connect to (?P<peer>\S+)|an init script reaches its emulator only, not (?P<python>[^\s'\"]+)"
)
_HOSTS = (
    "127.0.0.1 localhost localhost.localstack.cloud localstack host.docker.internal "
    "s3.localhost.localstack.cloud sqs.us-east-1.localhost.localstack.cloud\n::1 localhost\n"
)


@dataclass(kw_only=True, slots=True)
class Ended:
    """What became of the scripts of a run."""

    failures: list[Failure] = field(default_factory=list)
    """The first one that failed, and those that were not tried because of it."""
    warnings: list[ScriptWarning] = field(default_factory=list)
    """Scripts that ended well although commands in them failed."""
    notes: list[str] = field(default_factory=list)
    signed: set[tuple[str, str, str]] = field(default_factory=set)
    """(access key, region, service) of their requests, as far as the guard sees them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptRun:
    """Where and how scripts run."""

    endpoint: EmulatorEndpoint
    processes: Processes
    logs: Path
    """The folder of their logs."""
    variables: Mapping[str, str] = field(default_factory=dict)
    mounts: Mapping[str, Path] = field(default_factory=dict)


def check_scripts(scripts: Iterable[Script]) -> None:
    """Look at scripts before anything is written.

    Raises:
        InvalidError: every line by which one could not start, or would ask somebody else than the emulator.
    """
    problems: list[Problem] = []
    for script in scripts:
        try:
            interpreter_of(script.file, os.environ.get("PATH", os.defpath))
        except InvalidError as error:
            problems += error.problems
        problems += foreign_addresses(texts_of(script))
    if problems:
        raise _invalid(list(dict.fromkeys(problems)))


def _invalid(problems: Sequence[Problem]) -> InvalidError:
    """Of a single problem, its correction stands where the eye lands."""
    match = _CORRECTION.fullmatch(problems[0].text)
    if len(problems) > 1 or match is None:
        return InvalidError(problems)
    return InvalidError([Problem(place=problems[0].place, text=match["what"])], fix=match["fix"])


def run_scripts(
    scripts: Sequence[Script], how: ScriptRun, work: Work, done: Callable[[Script], None] = lambda _script: None
) -> Ended:
    """Run them one after the other; the first failure skips the rest. `done` hears of each that ended well.

    Raises:
        InvalidError: one could reach other addresses than the emulator, and this system cannot prevent that.
    """
    check_scripts(scripts)
    guard = strongest_guard(how.processes, work)
    if guard is Guard.NONE:
        _refuse_unled(scripts)
    ended = Ended()
    with _own_folder(how.logs.parent) as folder:
        place = Workplace(folder=folder, endpoint=how.endpoint, variables=how.variables, mounts=how.mounts)
        place.make(scripts)
        for number, script in enumerate(scripts):
            work.notify(f"running {script.id}")
            try:
                _run(script, place, guard, how, work, ended)
            except StepFailedError as error:
                ended.failures.append(Failure(id=script.id, error=error))
                ended.failures += [
                    Failure(id=later.id, error=None, because=script.id) for later in scripts[number + 1 :]
                ]
                return ended
            done(script)
    return ended


@contextlib.contextmanager
def _own_folder(state: Path) -> Iterator[Path]:
    """A new folder below the state's for this run; what runs that were killed left there goes first.

    Whoever runs scripts holds the lock of that state: no other run uses them.
    """
    private_folder(state)
    for left in state.glob(f"{_WORKPLACE}*"):
        # What cannot be removed is in nobody's way: the new folder has another name.
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=_WORKPLACE, dir=state, ignore_cleanup_errors=True) as name:
        yield Path(name).resolve()


def strongest_guard(processes: Processes, work: Work) -> Guard:
    """What this system can hold a script with, tried out just now."""
    token = work.cancel.within(_PROBE_SECONDS, "checking how init scripts can be confined")
    finished = processes.run(_gate("--probe"), token, check=False)
    word = finished.text().strip()
    return Guard(word) if word in set(Guard) else Guard.NONE


def holds(guard: Guard, processes: Processes, work: Work) -> bool:
    """Whether this system has this guard, tried out just now."""
    token = work.cancel.within(_PROBE_SECONDS, f"checking {guard}")
    return processes.run(_gate(f"--probe={guard}"), token, check=False).text().strip() == guard


def _gate(argument: str, *, recorded: bool = False) -> Command:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONPATH": str(PACKAGE_ROOT)}
    argv = (sys.executable, "-S", "-m", gate.__name__, argument)
    return Command(argv=argv, env=environment, recorded=recorded)


def _refuse_unled(scripts: Iterable[Script]) -> None:
    problems = [problem for script in scripts for problem in unled_programs(texts_of(script))]
    if problems:
        raise InvalidError(
            list(dict.fromkeys(problems)),
            fix="run bootstrap on Linux with user namespaces or Landlock, or write it with aws, curl or boto3",
        )


def _run(script: Script, place: Workplace, guard: Guard, how: ScriptRun, work: Work, ended: Ended) -> None:
    interpreter = interpreter_of(script.file, place.path())
    if interpreter.note:
        ended.notes.append(interpreter.note)
    log = how.logs / f"{script.id.name.replace('/', '-')}.log"
    place.begin(log)
    launch = _launch(script, place, guard, interpreter)
    file = place.folder / "launch.json"
    write_whole(file, json.dumps(asdict(launch)).encode())
    late = None
    try:
        finished = how.processes.run(
            _gate(str(file), recorded=True), work.cancel.within(SECONDS, f"init script {script.id}"), check=False
        )
    except DeadlineError as error:
        work.cancel.check()
        late, finished = error, Finished(returncode=1, stdout=b"", stderr=b"")
    outcome = _outcome(Path(launch.outcome), finished)
    ended.signed |= {(key, region, service) for key, region, service in outcome.signed}
    noted = list(entries(place.report))
    failure = _failure(script, place, outcome, noted, log, late)
    if failure is not None:
        raise failure
    lines = _warning_lines(script, place, interpreter, noted, log)
    if lines:
        ended.warnings.append(ScriptWarning(id=script.id, lines=tuple(lines), log=str(log)))


def _launch(script: Script, place: Workplace, guard: Guard, interpreter: Interpreter) -> Launch:
    address = urlsplit(place.endpoint.url)
    hosts = place.folder / "hosts"
    write_whole(hosts, _HOSTS.encode(), mode=0o644)
    outcome = place.folder / "outcome.json"
    outcome.unlink(missing_ok=True)
    copied = place.copy_of(script.file, script.folder)
    return Launch(
        argv=[*interpreter.argv, str(copied)],
        cwd=str(place.copy_of(script.folder, script.folder)),
        environment=place.environment(),
        log=str(place.log),
        outcome=str(outcome),
        guard=guard,
        host=address.hostname or "127.0.0.1",
        port=address.port or 80,
        ports=sorted({SERVICE_PORT, *local_ports(texts_of(script).values())}),
        hosts=str(hosts),
        read_only=[str(folder) for folder in _users_folders(script.folder) if folder != Path("/")],
        writable=[str(place.folder)],
    )


def _users_folders(folder: Path) -> tuple[Path, ...]:
    """The folders of the user that hold this one, wherever bootstrap was started: a script writes nothing there."""
    above = folder.resolve().parent
    top = next((each for each in (above, *above.parents) if (each / ".git").exists()), above)
    # A user of a container may have no home.
    return tuple(dict.fromkeys((above, top, Path(os.environ.get("HOME") or "/").resolve())))


def _outcome(file: Path, finished: Finished) -> Outcome:
    if file.exists():
        return Outcome(**json.loads(file.read_text()))
    return Outcome(code=finished.returncode if finished.returncode > 0 else 128 - finished.returncode)


def _failure(
    script: Script, place: Workplace, outcome: Outcome, noted: Sequence[Entry], log: Path, late: DeadlineError | None
) -> StepFailedError | None:
    """Why the script failed; None if it did not."""
    lines = _lines(log)
    fatal = next((entry for entry in noted if entry.kind in {MISSING, REFUSED}), None)
    if late is None and outcome.code == 0 and fatal is None:
        return None
    what = f"init script {script.file} failed with exit code {outcome.code}"
    if late is not None:
        what = f"init script {script.file}: {late.what}"
    elif outcome.code == 0 and fatal is not None:
        what = f"init script {script.file} could not run: {fatal.text}"
    last = next((entry for entry in reversed(noted) if entry.kind == FAILED), None)
    if late is None and last is not None and last.code == outcome.code and last.line is not None:
        what += f" in line {last.line}" if _is_of(script, place, last) else f" in {_where(script, place, last)}"
        what += f": {_short(last.text)}"
    return StepFailedError(what, evidence=lines, log=str(log), fix=_fix(lines, fatal, place.endpoint.url))


def _fix(lines: Sequence[str], fatal: Entry | None, emulator: str) -> str:
    if fatal is not None and fatal.kind == MISSING:
        return f"{INSTALL_AWS}; then run the same command again"
    for line in reversed(lines):
        if match := _NOT_FOUND.search(line):
            return f"install {match['name'] or match['zsh']} on this machine, then run the same command again"
        if match := _UNREACHED.search(line):
            asked = next(value for value in match.groups() if value)
            return f"let the script use its emulator, {emulator}, instead of {asked}; then run the same command again"
    return _CORRECT


def _warning_lines(
    script: Script, place: Workplace, interpreter: Interpreter, noted: Sequence[Entry], log: Path
) -> list[str]:
    """The commands that failed in a script that ended well, each with the last lines that were printed until then."""
    kind = FAILED if interpreter.is_bash else ENDED
    printed = log.read_bytes() if log.exists() else b""
    lines: list[str] = []
    before, place_before = 0, None
    for entry in noted:
        if entry.kind == kind and (entry.file, entry.line) != place_before:
            lines.append(f"{_where(script, place, entry)}: ended with code {entry.code}: {_short(entry.text)}")
            said = printed[before : entry.printed].decode(errors="replace").splitlines()
            lines += [f"    {line}" for line in said if line.strip()][-_WARNING_LINES:]
            place_before = (entry.file, entry.line) if entry.line is not None else None
            before = entry.printed
    return lines


def _is_of(script: Script, place: Workplace, entry: Entry) -> bool:
    return place.original_of(entry.file, script.folder) == str(script.file)


def _where(script: Script, place: Workplace, entry: Entry) -> str:
    file = place.original_of(entry.file, script.folder) if entry.file else str(script.file)
    return file if entry.line is None else f"{file}:{entry.line}"


def _short(command: str) -> str:
    first, *rest = command.strip().splitlines() or [""]
    return f"{first} …" if rest else first


def _lines(log: Path) -> list[str]:
    text = log.read_bytes().decode(errors="replace") if log.exists() else ""
    return [line for line in text.splitlines() if line.strip()]
