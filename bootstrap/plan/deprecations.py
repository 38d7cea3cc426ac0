"""Discontinued images and charts, from one data file, `deprecations.yaml`."""

import functools
import re
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, kw_only=True, slots=True)
class Discontinued:
    """Images or charts that are discontinued, or have changed their purpose."""

    image: re.Pattern[str] | None
    """Of the whole image reference."""
    chart: re.Pattern[str] | None
    """Of the chart's source and name: `https://charts.example.org/name` or `oci://…/name`."""
    says: str
    instead: str


@functools.cache
def discontinued() -> tuple[Discontinued, ...]:
    """All of them."""
    import yaml  # noqa: PLC0415 - `--help` reads no YAML

    entries = yaml.safe_load(files("bootstrap.plan").joinpath("deprecations.yaml").read_text(encoding="utf-8"))
    return tuple(
        Discontinued(
            image=_pattern(entry.get("image")),
            chart=_pattern(entry.get("chart")),
            says=entry["says"],
            instead=entry["instead"],
        )
        for entry in entries
    )


def _pattern(text: str | None) -> re.Pattern[str] | None:
    return None if text is None else re.compile(text)
