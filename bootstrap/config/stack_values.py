"""Turns merged values into a Stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bootstrap.config.layers import Given, Source, Values
from bootstrap.errors import Place, Problem
from bootstrap.model.stack import (
    ClusterSpec,
    Driver,
    EmulatorSpec,
    HostPorts,
    ImageSpec,
    Mount,
    Placement,
    Profile,
    Provider,
    SourceSpec,
    Stack,
)
from bootstrap.yamltext.positions import ValuePath, path_text

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """Merged values, read as the model's types; paths that do not exist go to `problems`."""

    values: Values
    folder: Path
    """The base of defaults that are relative paths."""
    problems: list[Problem]

    def stack(self, *, name: str, file: Path | None, project: Path, instance: str) -> Stack:
        """The stack of these values."""
        return Stack(
            name=self.value(("metadata", "name"), name),
            file=file,
            project=project,
            instance=instance,
            cluster=self._cluster(),
            emulator=self._emulator(),
            seeds=tuple(self._seeds()),
            source=self._source(),
            images=tuple(self._images()),
            variables=self._texts(("variables",)),
            snapshot_after_up=self.value(("snapshot", "afterUp"), absent=False),
            mirrors=self._texts(("mirrors",)),
        )

    def value(self, path: ValuePath, absent: _T) -> _T:
        """The value at `path`; the table has checked that it has the type of `absent`."""
        given = self.values.get(path)
        return absent if given is None else given.value

    def _cluster(self) -> ClusterSpec:
        def at(name: str) -> Any:  # noqa: ANN401 -- the table has checked the type
            return self.value(("cluster", name), None)

        return ClusterSpec(
            provider=Provider(at("provider")),
            kubernetes=at("kubernetes"),
            workers=at("workers"),
            ports=HostPorts(
                http=self.value(("cluster", "ports", "http"), 0), https=self.value(("cluster", "ports", "https"), 0)
            ),
            image=at("image"),
            config=self._existing(("cluster", "config")),
            profile=Profile(at("profile")),
            feature_gates=dict(_gate(text) for text in at("featureGates")),
            mounts=tuple(self._mounts()),
            bake=at("bake"),
            context=at("context"),
            uid=at("uid"),
        )

    def _emulator(self) -> EmulatorSpec | None:
        def at(name: str) -> Any:  # noqa: ANN401 -- the table has checked the type
            return self.value(("emulator", name), None)

        if ("emulator",) in self.values:
            return None
        return EmulatorSpec(
            driver=Driver(at("driver")),
            placement=Placement(at("placement")),
            release=at("release"),
            region=at("region"),
            port=at("port"),
            image=at("image"),
            endpoint=at("endpoint"),
            persist=at("persist"),
            docker_socket=at("dockerSocket"),
        )

    def _seeds(self) -> Iterator[Path]:
        given = self.values[("seeds",)]
        places = given.parts or (given.place,) * len(given.value)
        for written, place in zip(given.value, places, strict=True):
            path = self._from(given, written)
            if path.exists():
                yield path
            else:
                self._say(place, _missing(written, path))

    def _mounts(self) -> Iterator[Mount]:
        given = self.values[("cluster", "mounts")]
        places = given.parts or (given.place,) * len(given.value)
        for written, place in zip(given.value, places, strict=True):
            here, inside, *rest = written.split(":")
            path = self._from(given, here)
            if path.exists():
                yield Mount(here=path, inside=inside, read_only=bool(rest))
            else:
                # The engine would create an empty folder here, owned by root.
                self._say(place, _missing(here, path))

    def _images(self) -> Iterator[ImageSpec]:
        paths = [path for path in self.values if path[0] == "images"]
        for name in dict.fromkeys(str(path[1]) for path in paths):
            given = self.values.get(("images", name, "build")), self.values.get(("images", name, "dockerfile"))
            files = self._build_files(name, *given)
            if files is not None:
                yield ImageSpec(
                    name=name,
                    context=files[0],
                    dockerfile=files[1],
                    target=self.value(("images", name, "target"), None),
                    args=self._texts(("images", name, "args")),
                    platforms=tuple(self.value(("images", name, "platforms"), [])),
                )

    def _build_files(self, name: str, build: Given | None, file: Given | None) -> tuple[Path, Path] | None:
        """The folder it is built of, and its Dockerfile; None: that was wrong."""
        if build is None and file is None:
            text = "does not say what it is built from: write build: ../web, or dockerfile: ../web/Dockerfile"
            self._say(self.place(("images", name)), text)
            return None
        if build is not None:
            context = self._from(build, build.value)
            dockerfile = context / (file.value if file is not None else "Dockerfile")
        else:
            assert file is not None  # noqa: S101 - one of them was given
            dockerfile = self._from(file, file.value)
            context = dockerfile.parent
        given = build if file is None or (build is not None and not context.is_dir()) else file
        assert given is not None  # noqa: S101 - as above
        missing = context if not context.is_dir() else dockerfile
        if not missing.exists():
            self._say(given.place, _missing(given.value, missing))
            return None
        return context, dockerfile.resolve()

    def _source(self) -> SourceSpec | None:
        under = {path: given for path, given in self.values.items() if path[0] == "source"}
        if all(given.source is Source.DEFAULT for given in under.values()):
            return None
        entry = under.get(("source", "path"))
        if entry is None:
            place = min((given.place for given in under.values()), key=lambda place: place.line or 0)
            where = Place(file=place.file, line=place.line, path="source.path")
            self._say(where, "is missing: write the entry, such as clusters/stages/dev")
            return None
        root = self._existing(("source", "root"))
        if root is not None:
            self._check_entry(entry, root)
        return SourceSpec(
            root=root or self.folder,
            path=entry.value,
            substitute=self._texts(("source", "substitute")),
            strict_substitution=bool(self.values[("source", "strictSubstitution")].value),
        )

    def _check_entry(self, entry: Given, root: Path) -> None:
        path = (root / entry.value).resolve()
        if not path.is_relative_to(root):
            self._say(entry.place, f'"{entry.value}" leads out of source.root ({root})')
        elif not path.exists():
            self._say(entry.place, _missing(entry.value, path))

    def _existing(self, path: ValuePath) -> Path | None:
        """The absolute path at `path`, if it exists."""
        given = self.values.get(path)
        if given is None:
            return None
        target = self._from(given, given.value)
        if not target.exists():
            self._say(given.place, _missing(given.value, target))
            return None
        return target

    def _from(self, given: Given, written: str) -> Path:
        folder = self.folder if given.source is Source.DEFAULT else given.folder
        return (folder / written).resolve()

    def _texts(self, path: ValuePath) -> Mapping[str, str]:
        return {
            str(key[-1]): given.value
            for key, given in self.values.items()
            if len(key) == len(path) + 1 and key[:-1] == path
        }

    def _say(self, place: Place, text: str) -> None:
        self.problems.append(Problem(place=place, text=text))

    def place(self, path: ValuePath) -> Place:
        """The place of the value at `path`; if it was not given, the place of its section."""
        for length in range(len(path), 0, -1):
            near = [given.place for key, given in self.values.items() if key[:length] == path[:length]]
            places = [place for place in near if place.file != Source.DEFAULT.value]
            if places:
                return Place(file=places[0].file, line=places[0].line, path=path_text(path))
        return Place(file=Source.DEFAULT.value, path=path_text(path))


def _gate(text: str) -> tuple[str, bool]:
    name, _, value = text.partition("=")
    return name, value == "true"


def _missing(written: str, path: Path) -> str:
    return f'"{written}" does not exist' + ("" if written == str(path) else f" (looked for {path})")
