"""The addresses of a stack as `status` proves them, each with the Secrets that hold its credentials, by reference."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.engine.plan import Planning
from bootstrap.model.kube import Manifest, mapping_in, mappings_in
from bootstrap.ui.looks import Look
from bootstrap.ui.parts import manifests_of

_USER = re.compile(r"(?i)user")
_PASSWORD = re.compile(r"(?i)pass|token")


def urls_json(look: Look) -> dict[str, Any]:
    """`{"urls": [{"name", "url", "problem", "part", "credentials"}], "error"}`; no value of a Secret is read.

    Raises:
        BootstrapError: the stack could not be looked at.
    """
    _, planning = look.ready()
    urls = () if look.report is None else look.report.urls
    rows = []
    for url in urls:
        part = next((name for name in _parts(planning) if url.name in _hosts(manifests_of(planning, name))), "")
        rows.append(
            {
                "name": url.name,
                "url": "" if url.problem else url.url,
                "problem": url.problem,
                "part": part,
                "credentials": list(_credentials(planning, part)) if part else [],
            }
        )
    return {"urls": rows}


def _parts(planning: Planning) -> Iterator[str]:
    yield from (step.id for step in planning.plan.steps if step.id.startswith(("release/", "objects/")))


def _hosts(manifests: tuple[Manifest, ...]) -> set[str]:
    ingresses = (manifest for manifest in manifests if manifest.get("kind") == "Ingress")
    return {str(rule.get("host")) for ingress in ingresses for rule in mappings_in(ingress, "spec", "rules")}


def _credentials(planning: Planning, part: str) -> Iterator[Mapping[str, Any]]:
    """The Secrets of a part that hold a password, with the command that prints it."""
    for manifest in manifests_of(planning, part):
        keys = {*mapping_in(manifest, "data"), *mapping_in(manifest, "stringData")}
        passwords = sorted(key for key in keys if _PASSWORD.search(key))
        if manifest.get("kind") != "Secret" or not passwords:
            continue
        metadata = mapping_in(manifest, "metadata")
        name, namespace = str(metadata.get("name")), str(metadata.get("namespace") or "default")
        shown = [*sorted(key for key in keys if _USER.search(key)), *passwords]
        yield {
            "secret": f"{namespace}/{name}",
            "keys": shown,
            "command": f"kubectl get secret -n {namespace} {name} -o go-template="
            f"'{{{{index .data \"{passwords[0]}\" | base64decode}}}}'",
        }
