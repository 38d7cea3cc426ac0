"""What would change in the cluster, as a unified diff of YAML; the values of Secrets are never shown."""

import difflib
from collections.abc import Sequence

from bootstrap.kube.dry_run import ObjectDifference, masked
from bootstrap.model.kube import Manifest


def differences_text(unit: str, differences: Sequence[ObjectDifference]) -> str:
    """One diff per object, headed by whose it is; what the API server would refuse is said."""
    return "".join(_text(unit, one) for one in differences)


def _text(unit: str, one: ObjectDifference) -> str:
    name = f"{unit}: {one.ref}"
    before = [] if one.before is None else _lines(one.before)
    lines = list(difflib.unified_diff(before, _lines(one.after), f"live {name}", f"declared {name}", lineterm=""))
    note = [f"# the API server would refuse this now: {one.refused}"] if one.refused else []
    return "".join(f"{line}\n" for line in (*note, *lines))


def _lines(manifest: Manifest) -> list[str]:
    import yaml  # noqa: PLC0415 - only where something differs

    text: str = yaml.safe_dump(dict(masked(manifest)), sort_keys=True, width=1000)
    return text.splitlines()
