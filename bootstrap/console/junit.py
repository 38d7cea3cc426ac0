"""A run as a JUnit report: one test case for each step, as CI servers read it.

The file is complete at every moment and is written again after each step: a killed CI job leaves a report of the
steps that had ended. The form is that of the JUnit schema which Jenkins publishes (testsuites, testsuite, testcase).
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from bootstrap.console.errors import error_text
from bootstrap.console.mask import SECRETS, Masker
from bootstrap.console.progress import Progress, StepState
from bootstrap.errors import BootstrapError
from bootstrap.model.event import Event, Outcome, RunFinished, RunStarted, Status, StepFinished, StepProgress
from bootstrap.model.step import StepId
from bootstrap.system.files import write_whole

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML 1.0 document may hold (w3.org/TR/xml, section 2.2)."""


class JunitRenderer:
    """Writes the report to a file."""

    def __init__(self, file: Path, *, command: str = "", more: bool = False, secrets: Masker = SECRETS) -> None:
        """With `more`, the suites that the file holds already stay: of the stacks before in the same command."""
        self._file = file
        self._earlier = ET.fromstring(file.read_bytes()).findall("testsuite") if more and file.exists() else []  # noqa: S314 - our own
        self._secrets = secrets
        self._progress = Progress()
        self._command = command
        self._stack = ""
        self._said: dict[StepId, list[str]] = {}
        self._aborted: BootstrapError | None = None

    def __call__(self, event: Event) -> None:
        """See `Renderer`."""
        self._progress.add(event)
        match event:
            case RunStarted(command=command, stack=stack):
                self._command, self._stack = command, stack
                self._write()
            case StepProgress(step=step, text=text):
                self._said.setdefault(step, []).append(text)
            case StepFinished() | RunFinished():
                self._write()
            case _:
                pass

    def aborted(self, error: BootstrapError) -> None:
        """Add the error that ended the run outside its steps, as a test case of its own."""
        self._aborted = error

    def close(self) -> None:
        """Write the report of a run without an end event."""
        self._write()

    def _write(self) -> None:
        content = ET.tostring(self._report(), encoding="utf-8", xml_declaration=True)
        target = self._file.resolve()
        if target.exists() and not target.is_file():
            # A device or a pipe is written to; nothing takes its place.
            target.write_bytes(content)
        else:
            write_whole(target, content, mode=0o644)

    def _report(self) -> ET.Element:
        progress = self._progress
        cases = [self._case(step, state) for step, state in progress.steps.items()]
        if self._aborted is not None:
            outcome = Outcome(status=Status.FAILED, error=self._aborted)
            cases.append(self._case(StepId("run"), StepState(outcome=outcome)))
        finished = progress.finished
        seconds = finished.seconds if finished else sum(state.seconds for state in progress.steps.values())
        head = {"name": self._text(f"stack {self._stack}".rstrip()), **_counts(cases), "time": _seconds(seconds)}
        if progress.started is not None:
            head["timestamp"] = progress.started.strftime("%Y-%m-%dT%H:%M:%S")
        suite = ET.Element("testsuite", head)
        suite.extend(cases)
        notes = "\n".join(str(note.text) for note in progress.notes)
        if notes:
            ET.SubElement(suite, "system-out").text = self._text(notes)
        suites = [*self._earlier, suite]
        every = [case for each in suites for case in each.iter("testcase")]
        time = sum(float(each.attrib["time"]) for each in suites)
        root = ET.Element("testsuites", {"name": self._text(self._command), **_counts(every), "time": _seconds(time)})
        root.extend(suites)
        return root

    def _case(self, step: StepId, state: StepState) -> ET.Element:
        attributes = {
            "classname": f"bootstrap.{self._stack}".rstrip("."),
            "name": step,
            "time": _seconds(state.seconds),
        }
        case = ET.Element("testcase", {key: self._text(value) for key, value in attributes.items()})
        self._ending(case, state)
        said = self._said.get(step)
        if said:
            ET.SubElement(case, "system-out").text = self._text("\n".join(said))
        return case

    def _ending(self, case: ET.Element, state: StepState) -> None:
        outcome = state.outcome
        if outcome is None:
            self._unfinished(case, state)
        elif outcome.status is Status.FAILED:
            error = outcome.error or BootstrapError(outcome.detail or "failed")
            failure = ET.SubElement(case, "failure", {"message": self._text(error.what), "type": type(error).__name__})
            failure.text = self._text(error_text(error))
        elif outcome.status is Status.SKIPPED:
            ET.SubElement(case, "skipped", {"message": self._text(f"because of {outcome.detail}")})
        elif outcome.status is Status.CANCELLED:
            ET.SubElement(case, "skipped", {"message": self._text(f"cancelled: {outcome.detail}".rstrip(": "))})

    def _unfinished(self, case: ET.Element, state: StepState) -> None:
        if state.running:
            message = f"still running when the run ended: {state.text}"
            ET.SubElement(case, "error", {"message": self._text(message), "type": "NotFinished"})
        else:
            ET.SubElement(case, "skipped", {"message": "not started"})

    def _text(self, text: str) -> str:
        return _NOT_XML.sub("\ufffd", self._secrets.mask(text))


def _counts(cases: Sequence[ET.Element]) -> dict[str, str]:
    return {
        "tests": str(len(cases)),
        "failures": str(_having("failure", cases)),
        "errors": str(_having("error", cases)),
        "skipped": str(_having("skipped", cases)),
    }


def _having(tag: str, cases: Iterable[ET.Element]) -> int:
    return sum(case.find(tag) is not None for case in cases)


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
