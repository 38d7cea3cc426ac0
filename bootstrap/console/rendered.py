"""What releases are made of, as YAML and as JSON."""

import json
from collections.abc import Sequence

from bootstrap.model.observed import PreparedRelease


def rendered_yaml(releases: Sequence[PreparedRelease]) -> str:
    """Every object as a YAML document, after a comment that names its release."""
    import yaml  # noqa: PLC0415 - only here

    documents = []
    for one in releases:
        documents += [
            f"---\n# {one.release.id}\n{yaml.safe_dump(manifest, sort_keys=False, width=1000)}"
            for manifest in _objects(one)
        ]
    return "".join(documents)


def rendered_json(releases: Sequence[PreparedRelease]) -> str:
    """`{"version": 1, "releases": [{"release", "objects"}]}`."""
    found = [{"release": one.release.id, "objects": _objects(one)} for one in releases]
    return json.dumps({"version": 1, "releases": found}, indent=2) + "\n"


def _objects(prepared: PreparedRelease) -> list[object]:
    """CRDs of the chart's crds/ folder first, as they are applied, then what its templates give."""
    rendered = list(prepared.manifests or ())
    return [*(one for one in prepared.crds if one not in rendered), *rendered]
