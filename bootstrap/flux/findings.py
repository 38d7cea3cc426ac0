"""Collects problems and notes, so that all are reported at once and without repetition."""

from dataclasses import dataclass, field

from bootstrap.errors import Place, Problem
from bootstrap.flux.places import Places
from bootstrap.model.kube import ObjectRef
from bootstrap.model.release import Note

_SHOWN = 3


@dataclass(slots=True)
class _Topic:
    text: str
    place: Place | None
    expected: bool
    subjects: list[str] = field(default_factory=list)


class Findings:
    """Problems and notes of one repository."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._problems: dict[Problem, None] = {}
        self._topics: dict[str, _Topic] = {}
        self._encrypted: dict[str, _Topic] = {}

    def problem(self, text: str, place: Place) -> None:
        """Add a problem: it must be repaired."""
        self._problems[Problem(place=place, text=text)] = None

    def note(self, text: str, subject: str, place: Place | None, *, expected: bool = False) -> None:
        """Add a note about `subject`; the same text for several becomes one note that counts them."""
        topic = self._topics.setdefault(text, _Topic(text=text, place=place, expected=expected))
        if subject not in topic.subjects:
            topic.subjects.append(subject)

    def undecrypted(self, subject: str, place: Place, reason: str) -> None:
        """An object that cannot be decrypted; all of one reason become one problem."""
        topic = self._encrypted.setdefault(reason, _Topic(text=reason, place=place, expected=False))
        if subject not in topic.subjects:
            topic.subjects.append(subject)

    def notes(self) -> tuple[Note, ...]:
        """All notes, one per text, with the place of the first that it is about."""
        return tuple(
            Note(text=f"{_listed(topic.subjects)}: {topic.text}", place=topic.place, expected=topic.expected)
            for topic in self._topics.values()
        )

    def problems(self) -> tuple[Problem, ...]:
        """All problems, in the order they were found in."""
        return (*self._problems, *(self._about_encrypted(topic) for topic in self._encrypted.values()))

    @staticmethod
    def _about_encrypted(topic: _Topic) -> Problem:
        several = len(topic.subjects) > 1
        text = f"{'are' if several else 'is'} encrypted with SOPS and cannot be decrypted: {topic.text}"
        return Problem(place=topic.place or Place(file="."), text=f"{_listed(topic.subjects)}: {text}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """One object of the repository, for reports with its place."""

    ref: ObjectRef
    findings: Findings
    fallback: str
    """The folder it was built from: named when its file is not found."""

    def place(self, path: str | None = None) -> Place:
        """The place of the object, or of its field at `path`."""
        return self.findings.places.of(self.ref, self.fallback, path) or Place(file=self.fallback, path=path)

    def place_of_text(self, text: str) -> Place:
        """The place of this text in the object; the place of the object if the text is not found."""
        return self.findings.places.of_text(self.ref, self.fallback, text) or self.place()

    def problem(self, text: str, path: str | None = None) -> None:
        """Add a problem of the object."""
        self.findings.problem(f"{self.ref}: {text}", self.place(path))

    def note(self, text: str, path: str | None = None, *, expected: bool = False) -> None:
        """Add a note about the object."""
        self.findings.note(text, str(self.ref), self.place(path), expected=expected)


def _listed(subjects: list[str]) -> str:
    shown = ", ".join(subjects[:_SHOWN])
    more = len(subjects) - _SHOWN
    return shown if more <= 0 else f"{shown} and {more} more"
