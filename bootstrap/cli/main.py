"""The command `bootstrap`: finds the verb, runs it, and turns every error into text and an exit code."""

import difflib
import importlib
import os
import sys
from typing import Any, NoReturn

import click

from bootstrap.errors import BootstrapError, CancelledError, ExitCode, SeveralError, system_failure

_EXIT_CODES = """\b
Exit codes: 0 ok · 1 a step failed · 2 usage · 3 invalid files or an impossible combination ·
4 a program or target is missing or was refused · 5 the run timed out · 10 would change (--exit-code) ·
70 bug · 130 interrupted"""

# Kept here so that `--help` imports no command: the verb and its line in the list.
COMMANDS = {
    "init": "Write stack files for this folder, or a small example.",
    "up": "Bring the platform up; change nothing that is as declared.",
    "plan": "Print what up would do, each step with its reason.",
    "status": "Print what is up, what is not, and why.",
    "ui": "Serve pages of the platform to a browser on this machine.",
    "explain": "Print causes, events and logs of what is not ready.",
    "down": "Delete what up created, and nothing else.",
    "gc": "Delete stacks that have expired (up --ttl).",
    "report": "Write a report on the state of a stack: one page and files.",
    "repair": "Bring cluster, emulator and AWS data back after a restart.",
    "pause": "Stop the containers of a stack on kind or k3d.",
    "resume": "Start the containers of a paused stack.",
    "snapshot": "Save, restore and compare the data of cluster and emulator.",
    "reset": "Bring cluster and emulator back to where up left them.",
    "bundle": "Put all that up fetches into one file (up --offline).",
    "load": "Copy images to the nodes of a kind or k3d cluster.",
    "seed": "Plan, apply, reset, export or import only the AWS data.",
    "run": "Run a command with the platform's environment.",
    "env": "Print the platform's environment for a shell.",
    "kubeconfig": "Print the path of the stack's kubeconfig, or merge it.",
    "logs": "Print the log of the last run, or of a long-running program.",
    "timeline": "Print where the time of a run went, and what each step waited for.",
    "render": "Print the objects of each release as they will be installed.",
    "images": "Print the images that each release will pull.",
    "diff": "Print what up would change in the running cluster.",
    "lint": "Report problems in repository and stack, without a cluster.",
    "lock": "Pin the version and digest of each chart in bootstrap.lock.",
    "cache": "Print the key under which CI caches programs and charts.",
    "graph": "Print the dependencies between steps, each with its reason.",
    "config": "Print the effective values, each with its origin.",
    "doctor": "Check this machine: programs, folders, memory, limits.",
    "tools": "List or download the programs that bootstrap runs.",
    "completion": "Print or install the completion script for a shell.",
    "version": "Print the version.",
}


class _Commands(click.Group):
    """Imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: Any = importlib.import_module(f"bootstrap.cli.commands.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - the name of each command's object is a rule of ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if not near:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]}?", ctx=ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def version_text() -> str:
    """`bootstrap 1.2.3`."""
    from bootstrap.system.installation import version  # noqa: PLC0415 - takes a tenth of `--help`'s time

    return f"bootstrap {version()}"


def _version(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click's callback
    if asked and not ctx.resilient_parsing:
        click.echo(version_text())
        ctx.exit()


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EXIT_CODES,
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
def bootstrap() -> None:
    """Create a complete local platform with one command, delete it with another.

    \b
      bootstrap up                 cluster, AWS emulator with data, charts: stack dev
      bootstrap up quickstart      the smallest complete stack
      bootstrap plan --var a=b     what up would do, and why
      bootstrap down               delete it
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


def main() -> NoReturn:
    """Run the command line of this process and end it with the documented exit code."""
    _open_streams()
    sys.exit(run(sys.argv[1:]))


def _open_streams() -> None:
    """Open each standard stream that the caller closed (`>&-`) as one that nobody reads.

    Otherwise the next file that is opened would be where children write.
    """
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            # Descriptors are given out from the lowest: this one.
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123 - open until the end


def run(arguments: list[str]) -> int:  # noqa: PLR0911 - one return per way to end
    """Run one command line; the exit code. Errors are printed on standard error."""
    try:
        code = bootstrap.main(arguments, prog_name="bootstrap", standalone_mode=False)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough of it; nothing may be written to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except BootstrapError as error:
        if not isinstance(error, CancelledError):
            print_error(error, arguments)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes an exit code
        return _unforeseen(error, arguments)
    return int(code or 0)


def _unforeseen(error: Exception, arguments: list[str]) -> ExitCode:
    machine = system_failure(error)
    if machine is None:
        _print_bug(error)
        return ExitCode.BUG
    print_error(machine, arguments)
    return machine.exit_code


def print_error(error: BootstrapError, arguments: list[str]) -> None:
    """Print what ended the command; with JSON lines as the last record."""
    from bootstrap.console.color import is_colored  # noqa: PLC0415
    from bootstrap.console.errors import error_text  # noqa: PLC0415
    from bootstrap.console.json_lines import error_record, line  # noqa: PLC0415
    from bootstrap.console.renderer_choice import is_json_requested  # noqa: PLC0415
    from bootstrap.console.stream import write_text  # noqa: PLC0415
    from bootstrap.system.clock import SystemClock  # noqa: PLC0415 - only when there is an error to print

    for failure in error.errors if isinstance(error, SeveralError) else (error,):
        if is_json_requested(arguments, os.environ):
            write_text(sys.stderr, line(error_record(failure, at=SystemClock().now())))
        else:
            colored = is_colored(os.environ, terminal=sys.stderr.isatty(), allowed="--no-color" not in arguments)
            write_text(sys.stderr, error_text(failure), color=colored)


def _print_bug(error: Exception) -> None:
    import traceback  # noqa: PLC0415 - only for bugs

    from bootstrap.console.stream import write_text  # noqa: PLC0415

    trace = "".join(traceback.format_exception(error))
    write_text(sys.stderr, f"{trace}\nThis is a bug in bootstrap: please report it with the text above.\n")
