"""The objects of Kustomizations and releases, as YAML and as JSON."""

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bootstrap.engine.render import Rendered
from bootstrap.model.kube import Manifest
from bootstrap.model.observed import PreparedRelease

if TYPE_CHECKING:  # loads slowly
    import yaml

_READ_OTHERWISE = (
    ("tag:yaml.org,2002:bool", r"^[yYnN]$", "yYnN"),
    ("tag:yaml.org,2002:int", r"^[-+]?0[oO]?[0-9_]+$", "-+0"),
    ("tag:yaml.org,2002:float", r"^[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?$", "-+.0123456789"),
)


def rendered_yaml(rendered: Rendered, *, flux: bool = False) -> str:
    """Every object as a YAML document, after a comment that names the Kustomization or release it is of."""
    import yaml  # noqa: PLC0415 - only here

    dumper = _dumper()
    parts = [(f"Kustomization {name}", objects) for name, objects in rendered.plain(flux=flux)]
    parts += [(prepared.release.id, _objects(prepared)) for prepared in rendered.releases]
    return "".join(
        f"---\n# {name}\n{yaml.dump(manifest, Dumper=dumper, sort_keys=False, width=1000)}"
        for name, objects in parts
        for manifest in objects
    )


def objects_yaml(objects: Iterable[Manifest]) -> str:
    """Each object as a YAML document."""
    import yaml  # noqa: PLC0415 - only here

    dumper = _dumper()
    return "".join(f"---\n{yaml.dump(manifest, Dumper=dumper, sort_keys=False, width=1000)}" for manifest in objects)


def _dumper() -> "type[yaml.SafeDumper]":
    """Quotes text that any reader of Kubernetes YAML would take for something else, such as `1e3`, `y` and `0o17`."""
    import yaml  # noqa: PLC0415 - only here

    class Dumper(yaml.SafeDumper):
        pass

    for tag, pattern, first in _READ_OTHERWISE:
        Dumper.add_implicit_resolver(tag, re.compile(pattern), list(first))
    return Dumper


def rendered_json(rendered: Rendered, *, flux: bool = False) -> str:
    """`{"version": 1, "kustomizations": [{"kustomization", "objects"}], "releases": [{"release", "objects"}]}`."""
    plain = [{"kustomization": name, "objects": list(objects)} for name, objects in rendered.plain(flux=flux)]
    releases = [{"release": release.release.id, "objects": _objects(release)} for release in rendered.releases]
    return json.dumps({"version": 1, "kustomizations": plain, "releases": releases}, indent=2) + "\n"


def _objects(prepared: PreparedRelease) -> list[Manifest]:
    """CRDs of the chart's crds/ folder first, as they are applied, then what its templates give."""
    rendered = list(prepared.manifests or ())
    return [*(crd for crd in prepared.crds if crd not in rendered), *rendered]
