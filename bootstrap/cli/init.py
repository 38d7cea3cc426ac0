"""`bootstrap init`: imports init scripts, writes the files, and prints what to run."""

import os
from pathlib import Path

from bootstrap.cli.output import show
from bootstrap.cli.seed_import import ImportOptions, import_into
from bootstrap.errors import BootstrapError, CancelledError
from bootstrap.project.discover import Discovered, discover, is_empty, not_found
from bootstrap.project.plan_files import (
    SEEDS,
    Imported,
    InitPlan,
    Template,
    plan_found,
    plan_template,
    refuse_existing,
)
from bootstrap.project.stack_files import Seeds
from bootstrap.system.files import write_whole

_NEXT = """\
Next: bootstrap up
      bootstrap plan shows first what it would do, bootstrap lint what may be wrong
"""


def init(source: Path, template: str | None, *, quiet: bool) -> None:
    """Write stack files for what is in `source`, or those of a template, into the current folder.

    Raises:
        RefusedError: files of these names exist, or there is nothing that a stack can be made of.
    """
    folder = Path.cwd()
    plan = plan_template(Template(template), folder) if template else _plan_found(source, folder, quiet=quiet)
    refuse_existing(plan, folder)
    for file, content in plan.files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, content, mode=0o644)
    show(_text(plan, folder))


def _plan_found(source: Path, folder: Path, *, quiet: bool) -> InitPlan:
    discovered = discover(source, os.environ)
    if discovered.empty and not is_empty(source):
        raise not_found(discovered, source.resolve())
    if discovered.empty:
        return plan_template(Template.MINIMAL, folder)
    # Importing takes a while: what cannot be written is refused before.
    refuse_existing(plan_found(discovered, Imported(), folder), folder)
    return plan_found(discovered, _imported(discovered, folder, quiet=quiet), folder)


def _imported(discovered: Discovered, folder: Path, *, quiet: bool) -> Imported:
    """The fixtures of the init scripts that were found; scripts that cannot run here are noted and kept."""
    scripts = [compose.file for compose in discovered.compose if compose.service.scripts][:1] or discovered.scripts[:1]
    if not scripts:
        return Imported()
    shown = os.path.relpath(scripts[0], folder)
    into = Path(os.path.relpath(folder / SEEDS))
    command = f"bootstrap seed import {shown} --into {SEEDS}"
    if any((folder / SEEDS).glob("*")):
        note = f"{SEEDS} is there already: its init scripts are not imported; do it by hand: {command}"
        return Imported(notes=(note,))
    options = ImportOptions(paths=(scripts[0],), into=into, driver="ministack", endpoint=None, force=False, quiet=quiet)
    try:
        imported, files = import_into(options)
    except CancelledError:
        raise
    except BootstrapError as error:
        fix = f" (fix: {error.fix})" if error.fix else ""
        return Imported(notes=(f"{shown} is not imported: {error.what}{fix}; then: {command}",))
    notes = [f"{SEEDS} differs from what the scripts create: {text}" for text in imported.differences]
    notes += [f"not imported: {text}" for text in imported.left_out]
    if not files:
        return Imported(notes=(f"{shown} creates nothing that fixtures can express", *notes))
    comment = f"what {shown} created, as fixtures"
    return Imported(seeds=Seeds(folder=folder / SEEDS, comment=comment), notes=tuple(notes))


def _text(plan: InitPlan, folder: Path) -> str:
    lines = [f"found  {line}" for line in plan.found]
    lines += [f"wrote  {os.path.relpath(file, folder)}" for file in plan.files]
    lines += [f"note   {line}" for line in plan.notes]
    lines += ["", _NEXT]
    return "\n".join(lines)
