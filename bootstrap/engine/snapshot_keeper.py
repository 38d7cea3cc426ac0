"""Saves and restores the data of a whole platform at one moment, and finishes or undoes what was cut off."""

import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bootstrap.engine.session import Session
from bootstrap.errors import BootstrapError, CancelledError, RefusedError, StepFailedError
from bootstrap.model.observed import ClusterObserved, EmulatorObserved, TargetState
from bootstrap.model.snapshot import FORMAT, Contents, Manifest, Phase, Unfinished, Verb, misfits
from bootstrap.model.step import RestoreSnapshot, SaveSnapshot
from bootstrap.ports import NotSaved, SavedPart
from bootstrap.state.snapshots import (
    damaged_files,
    folder_of,
    is_whole,
    mark_unfinished,
    partial_folder,
    read_contents,
    read_manifest,
    read_unfinished,
    remove_partial,
    sizes_in,
    unmark,
    write_contents,
    write_manifest,
)
from bootstrap.system.clock import CancelToken
from bootstrap.system.copies import copy_folder, used_bytes
from bootstrap.system.files import private_folder, write_whole
from bootstrap.system.work import Work

_MARGIN_BYTES = 64 << 20
"""Left free on the disk: logs, and what the emulator still has in memory."""
_START_SECONDS = 180.0
_EXCHANGE_SECONDS = 600.0
_FILES = ("stack.json", "variables.json")
"""Of the state folder: the stack as it was brought up, for the data that is restored with them."""
_SECRETS = {
    "cluster": "keys of the cluster and its Secrets",
    "emulator": "AWS data, secrets among it",
    "state/variables.json": "values of variables",
    "state/seeds": "generated secrets",
}


class SnapshotKeeper:
    """Called under the stack's lock only.

    While it works, a mark in the state folder says how far it came. Up to the exchange of the data a kill leaves the
    platform as it was, stopped at worst; from then on the platform becomes as in the snapshot. `settle` does either.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._state = session.state

    def parts(self) -> Mapping[str, SavedPart]:
        """The cluster and, if the stack has one, the emulator, in the order in which they stop.

        Raises:
            RefusedError: one of them cannot be saved; with the reason.
        """
        ports = self._session.ports
        parts: dict[str, SavedPart] = {}
        for name, part in (("cluster", ports.saved_cluster), ("emulator", ports.saved_emulator)):
            if isinstance(part, NotSaved):
                raise RefusedError(
                    f"stack {self._session.stack.name} has no snapshots: {part.why}",
                    fix="docs/snapshots.md lists what can be saved",
                )
            if part is not None:
                parts[name] = part
        return parts

    def check_save(self, name: str, cancel: CancelToken, *, overwrite: bool) -> None:
        """Return if the snapshot can be saved; nothing is stopped or written.

        Raises:
            UsageError: the name cannot be one.
            RefusedError: there is one of this name, the platform is not up, or the disk is too full.
        """
        if folder_of(self._state, name).exists() and not overwrite:
            raise RefusedError(
                f"there is a snapshot {name} already",
                fix=f"choose another name, or replace it: bootstrap snapshot save {name} --overwrite",
            )
        parts = self.parts()
        self._running(cancel)
        self._refuse_full_disk(sum(part.needed_bytes(cancel) for part in parts.values()))

    def save(self, name: str, work: Work, *, overwrite: bool = False) -> Manifest:
        """Save everything as it is at one moment; cluster and emulator are stopped for it, and started again.

        Raises:
            RefusedError: as `check_save`; nothing was stopped.
            BootstrapError: it could not be saved, or started again.
        """
        self.check_save(name, work.cancel, overwrite=overwrite)
        parts, partial = self.parts(), partial_folder(self._state, name)
        cluster, emulator = self._running(work.cancel)
        work.notify("counting what there is")
        contents = self._contents(cluster, emulator, work.cancel)
        remove_partial(self._state)
        private_folder(partial)
        self._enter(Unfinished(verb=Verb.SAVE, name=name, phase=Phase.BEFORE), "stop", work)
        try:
            self._stop(parts, work)
            self._at("copy", work)
            for part_name, part in parts.items():
                part.save(private_folder(partial / part_name), work)
            self._save_state(partial / "state", work.cancel)
            write_contents(partial, contents)
            not_kept = [text for part in parts.values() for text in part.not_kept(work)]
            manifest = self._manifest(name, parts, contents, not_kept, partial)
            write_manifest(partial, manifest)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            self._start_again(parts, work)
            raise
        self._at("name", work)
        self._publish(partial, name)
        self._start_again(parts, work)
        return manifest

    def check_restore(self, name: str, cancel: CancelToken) -> Manifest:
        """The manifest of a snapshot that can be restored; nothing is stopped or written.

        Raises:
            RefusedError: it is damaged, of another stack, format or version, or the disk is too full.
        """
        manifest, parts, folder = read_manifest(self._state, name), self.parts(), folder_of(self._state, name)
        facts = {key: value for part in parts.values() for key, value in part.facts().items()}
        if reasons := misfits(manifest, self._state.folder.name, facts):
            raise RefusedError(
                f"snapshot {name} cannot be restored: {reasons[0]}",
                evidence=reasons[1:],
                fix="bring the stack up as it was then, or save another snapshot: bootstrap snapshot save NAME",
            )
        if damaged := damaged_files(folder, manifest):
            raise RefusedError(
                f"snapshot {name} is damaged: {damaged[0]} is not as it was saved",
                evidence=damaged[1:],
                fix=f"remove it: bootstrap snapshot rm {name}",
            )
        cancel.check()
        self._refuse_full_disk(manifest.size)
        return manifest

    def restore(self, name: str, work: Work) -> tuple[Manifest, Sequence[str]]:
        """Make everything as it was when the snapshot was saved; and what could not be, as text.

        Raises:
            RefusedError: as `check_restore`; nothing was stopped.
            BootstrapError: what was there before runs again, or the next `up` finishes the restore.
        """
        manifest, parts, folder = self.check_restore(name, work.cancel), self.parts(), folder_of(self._state, name)
        unfinished = Unfinished(verb=Verb.RESTORE, name=name, phase=Phase.BEFORE)
        self._enter(unfinished, "stage", work)
        try:
            for part_name, part in parts.items():
                part.stage(folder / part_name, work)
            self._at("stop", work)
            self._stop(parts, work)
        except BaseException:
            self._undo(parts, work)
            raise
        self._enter(Unfinished(verb=Verb.RESTORE, name=name, phase=Phase.AFTER), "exchange", work)
        return manifest, self._finish(name, work)

    def place(self, name: str, work: Work) -> Manifest:
        """Let a stack of which nothing lives begin with the data of a snapshot.

        It is laid where `up` will find it; if that cannot be, cluster and emulator are created first.

        Raises:
            RefusedError: as `check_restore`.
        """
        manifest, folder = self.check_restore(name, work.cancel), folder_of(self._state, name)
        parts = self.parts()
        if not all(part.placeable for part in parts.values()):
            self._enter(Unfinished(verb=Verb.BEGIN, name=name, phase=Phase.AFTER), "create", work)
            self._finish_place(name, work)
            return manifest
        self._enter(Unfinished(verb=Verb.BEGIN, name=name, phase=Phase.BEFORE), "stage", work)
        for part_name, part in parts.items():
            part.stage(folder / part_name, work)
        self._enter(Unfinished(verb=Verb.BEGIN, name=name, phase=Phase.AFTER), "exchange", work)
        self._finish_place(name, work)
        return manifest

    def settle(self, work: Work) -> str:
        """Finish or undo what was cut off, if anything was; what was done, as text."""
        unfinished = read_unfinished(self._state)
        if unfinished is None:
            return ""
        if unfinished.verb is Verb.BEGIN:
            return self._settle_place(unfinished, work)
        if unfinished.verb is Verb.RESTORE and unfinished.phase is Phase.AFTER:
            self._stop(self.parts(), work)
            missing = self._finish(unfinished.name, work)
            return "; ".join((f"finished the {unfinished}, which was cut off", *_not_restored(missing)))
        if unfinished.verb is Verb.SAVE and is_whole(partial := partial_folder(self._state, unfinished.name)):
            self._publish(partial, unfinished.name)
        remove_partial(self._state)
        self._undo(self.parts(), work)
        return f"undid the {unfinished}, which was cut off"

    def _settle_place(self, unfinished: Unfinished, work: Work) -> str:
        if unfinished.phase is Phase.AFTER:
            missing = self._finish_place(unfinished.name, work)
            return "; ".join((f"finished the {unfinished}, which was cut off", *_not_restored(missing)))
        for part in self.parts().values():
            part.clear(work)
        for folder in (self._state.cluster, self._state.emulator):
            with contextlib.suppress(OSError):  # it is not empty, or not there
                folder.rmdir()
        unmark(self._state)
        return f"undid the {unfinished}, which was cut off"

    def _finish_place(self, name: str, work: Work) -> Sequence[str]:
        parts, folder = self.parts(), folder_of(self._state, name)
        if not all(part.placeable for part in parts.values()):
            return self._restored_into_new(name, work)
        for part_name, part in parts.items():
            part.exchange(folder / part_name, work)
        self._restore_seeds(folder / "state", work.cancel)
        missing = [text for part_name, part in parts.items() for text in part.refill(folder / part_name, work)]
        for part in parts.values():
            part.clear(work)
        unmark(self._state)
        return missing

    def _restored_into_new(self, name: str, work: Work) -> Sequence[str]:
        """Create what is not there, and exchange its data: whoever calls it again comes to the same end."""
        parts, ports, folder = self.parts(), self._session.ports, folder_of(self._state, name)
        work.notify("creating the cluster that the data is for")
        ports.cluster.up(work)
        if ports.emulator is not None:
            ports.emulator.up(work)
        self._at("stage", work)
        for part_name, part in parts.items():
            part.stage(folder / part_name, work)
        # From here on a run that is cut off goes on as one that restores: what has been created is stopped.
        self._enter(Unfinished(verb=Verb.RESTORE, name=name, phase=Phase.AFTER), "stop", work)
        self._stop(parts, work)
        self._at("exchange", work)
        return self._finish(name, work)

    def changed_contents(self, name: str, cancel: CancelToken) -> tuple[Contents, Contents]:
        """What there was when the snapshot was saved, and what there is now.

        Raises:
            RefusedError: there is no such snapshot, or the platform is not up.
        """
        read_manifest(self._state, name)
        before = read_contents(folder_of(self._state, name))
        cluster, emulator = self._running(cancel)
        return before, self._contents(cluster, emulator, cancel)

    def _finish(self, name: str, work: Work) -> Sequence[str]:
        """From the exchange on: whoever calls it again comes to the same end. What could not be restored, as text."""
        parts, folder = self.parts(), folder_of(self._state, name)
        try:
            # Not to be stopped half-way: it takes a moment, and the rest can be done again.
            apart = Work(
                CancelToken(self._session.clock).within(_EXCHANGE_SECONDS, "the exchange of the data"), work.notify
            )
            for part_name, part in parts.items():
                part.exchange(folder / part_name, apart)
            self._restore_state(folder / "state", apart.cancel)
            self._at("start", work)
            self._start(parts, work)
            self._at("refill", work)
            missing = [text for name, part in parts.items() for text in part.refill(folder / name, work)]
            self._at("clear", work)
            for part in parts.values():
                part.clear(work)
        except CancelledError:
            raise
        except BootstrapError as error:
            raise StepFailedError(
                f"the restore of snapshot {name} is not finished: {error.what}",
                evidence=error.evidence,
                command=error.command,
                fix=f"{error.fix + '; then ' if error.fix else ''}finish it: {self._session.up_command}",
                log=error.log,
            ) from error
        unmark(self._state)
        return missing

    def _undo(self, parts: Mapping[str, SavedPart], work: Work) -> None:
        """Nothing was exchanged: remove what was staged, and start what was stopped."""
        for part in parts.values():
            part.clear(Work(CancelToken(self._session.clock), work.notify))
        self._start_again(parts, work)

    def _start_again(self, parts: Mapping[str, SavedPart], work: Work) -> None:
        """As it was before, also when the run was cancelled meanwhile."""
        self._at("start", work)
        self._start(parts, Work(CancelToken(self._session.clock).within(_START_SECONDS, "the start"), work.notify))
        unmark(self._state)

    def _stop(self, parts: Mapping[str, SavedPart], work: Work) -> None:
        for part in parts.values():
            part.stop(work)

    def _start(self, parts: Mapping[str, SavedPart], work: Work) -> None:
        ports = self._session.ports
        starts: dict[str, Callable[[Work], object]] = {"cluster": ports.cluster.start}
        if ports.emulator is not None and "emulator" in parts:
            starts["emulator"] = ports.emulator.start

        def started(name: str) -> None:
            parts[name].wake(work)
            starts[name](work)

        work.notify("starting cluster and emulator" if len(starts) > 1 else "starting the cluster")
        with ThreadPoolExecutor(max_workers=len(starts), thread_name_prefix="start") as pool:
            running = [pool.submit(started, name) for name in starts]
        for each in running:
            each.result()

    def _running(self, cancel: CancelToken) -> tuple[ClusterObserved, EmulatorObserved | None]:
        ports = self._session.ports
        cluster = ports.cluster.observe(cancel)
        emulator = None if ports.emulator is None else ports.emulator.observe(cancel)
        for name, seen in (("cluster", cluster), ("emulator", emulator)):
            if seen is not None and seen.state is not TargetState.RUNNING:
                raise RefusedError(
                    f"the {name} of stack {self._session.stack.name} is not running: {seen.detail or seen.state}",
                    fix=f"run: {self._session.up_command}",
                )
        return cluster, emulator

    def _contents(self, cluster: ClusterObserved, emulator: EmulatorObserved | None, cancel: CancelToken) -> Contents:
        digests = self._session.ports.digests
        if digests is None:
            return Contents()
        kube, endpoint = cluster.kube, None if emulator is None else emulator.endpoint
        return Contents(
            objects={} if kube is None else dict(digests.objects(kube, cancel)),
            resources={} if endpoint is None else dict(digests.resources(endpoint, cancel)),
        )

    def _manifest(
        self, name: str, parts: Mapping[str, SavedPart], contents: Contents, not_kept: list[str], folder: Path
    ) -> Manifest:
        return Manifest(
            format=FORMAT,
            name=name,
            stack=self._state.folder.name,
            project=str(self._session.stack.project),
            created=self._session.clock.now(),
            facts={key: value for part in parts.values() for key, value in part.facts().items()},
            files=sizes_in(folder),
            size=used_bytes(folder),
            not_kept=not_kept,
            objects=len(contents.objects),
            resources=len(contents.resources) if "emulator" in parts else None,
            secrets=[f"{path}: {what}" for path, what in _SECRETS.items() if (folder / path).exists()],
        )

    def _publish(self, partial: Path, name: str) -> None:
        target = folder_of(self._state, name)
        if target.exists():
            former = partial_folder(self._state, f"{name}.former")
            target.rename(former)
            partial.rename(target)
            shutil.rmtree(former)
        else:
            partial.rename(target)

    def _save_state(self, folder: Path, cancel: CancelToken) -> None:
        private_folder(folder)
        for name in _FILES:
            if (file := self._state.folder / name).exists():
                write_whole(folder / name, file.read_bytes())
        if self._state.seeds.exists():
            copy_folder(self._state.seeds, folder / "seeds", cancel)

    def _restore_state(self, folder: Path, cancel: CancelToken) -> None:
        for name in _FILES:
            if (file := folder / name).exists():
                write_whole(self._state.folder / name, file.read_bytes())
            else:
                (self._state.folder / name).unlink(missing_ok=True)
        self._restore_seeds(folder, cancel)

    def _restore_seeds(self, folder: Path, cancel: CancelToken) -> None:
        if self._state.seeds.exists():
            shutil.rmtree(self._state.seeds)
        if (folder / "seeds").exists():
            copy_folder(folder / "seeds", self._state.seeds, cancel)

    def _refuse_full_disk(self, needed: int) -> None:
        private_folder(self._state.snapshots)
        free = shutil.disk_usage(self._state.snapshots).free
        if free < needed + _MARGIN_BYTES:
            raise RefusedError(
                f"the disk of {self._state.snapshots} is too full: {_mebibytes(needed + _MARGIN_BYTES)} are needed, "
                f"{_mebibytes(free)} are free; nothing was stopped",
                fix="make room, for example by bootstrap snapshot rm NAME",
            )

    def _enter(self, unfinished: Unfinished, phase: str, work: Work) -> None:
        mark_unfinished(self._state, unfinished)
        self._at(phase, work)

    def _at(self, phase: str, work: Work) -> None:
        """Every moment between two phases passes here: tests end the process at each."""
        if text := _PHASES[phase]:
            work.notify(text)


def perform_snapshot(session: Session, action: SaveSnapshot | RestoreSnapshot, work: Work) -> str:
    """Save or restore the snapshot of the action; the detail to print."""
    keeper = SnapshotKeeper(session)
    if isinstance(action, SaveSnapshot):
        manifest = keeper.save(action.name, work, overwrite=action.overwrite)
        return "; ".join((f"saved, {_described(manifest)}", *(f"not kept: {text}" for text in manifest.not_kept)))
    manifest, missing = keeper.restore(action.name, work)
    return "; ".join((f"restored, {_described(manifest)}", *_not_restored((*manifest.not_kept, *missing))))


def _not_restored(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"not restored: {text}" for text in texts)


def _described(manifest: Manifest) -> str:
    counts = ((manifest.objects, "object"), (manifest.resources, "AWS resource"))
    texts = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count is not None]
    return ", ".join((*texts, _mebibytes(manifest.size)))


_PHASES = {
    "create": "",
    "stage": "copying the data of the snapshot",
    "stop": "",
    "copy": "copying the data",
    "name": "keeping the copy",
    "exchange": "exchanging the data",
    "start": "",
    "refill": "bringing back what no file holds",
    "clear": "removing what was replaced",
}


def _mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
