"""What would change in the cluster, as a unified diff of YAML; the values of Secrets are never shown."""

import difflib
import json
from collections.abc import Sequence

from bootstrap.console.json_lines import VERSION
from bootstrap.kube.dry_run import ObjectDifference, masked
from bootstrap.model.kube import Manifest


def differences_text(unit: str, differences: Sequence[ObjectDifference]) -> str:
    """One diff per object under the name of its unit; refusals of the API server are reported."""
    return "".join(_text(unit, difference) for difference in differences)


def differences_json(by_unit: Sequence[tuple[str, Sequence[ObjectDifference]]]) -> str:
    """`{"version": 1, "differences": [{"unit", "object", "before", "after", "refused"}]}`; Secrets are masked."""
    rows = [
        {
            "unit": unit,
            "object": str(difference.ref),
            "before": None if difference.before is None else masked(difference.before),
            "after": masked(difference.after),
            "refused": difference.refused or None,
        }
        for unit, each in by_unit
        for difference in each
    ]
    return json.dumps({"version": VERSION, "differences": rows}, indent=2, default=str) + "\n"


def _text(unit: str, difference: ObjectDifference) -> str:
    name = f"{unit}: {difference.ref}"
    before = [] if difference.before is None else _lines(difference.before)
    lines = list(
        difflib.unified_diff(before, _lines(difference.after), f"live {name}", f"declared {name}", lineterm="")
    )
    note = [f"# the API server refuses this change: {difference.refused}"] if difference.refused else []
    return "".join(f"{line}\n" for line in (*note, *lines))


def _lines(manifest: Manifest) -> list[str]:
    import yaml  # noqa: PLC0415 - only where something differs

    text: str = yaml.safe_dump(dict(masked(manifest)), sort_keys=True, width=1000)
    return text.splitlines()
