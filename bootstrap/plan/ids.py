"""The names of steps."""

from collections.abc import Iterable, Mapping

from bootstrap.errors import UsageError
from bootstrap.model.step import StepId
from bootstrap.yamltext.positions import nearest

CLUSTER = StepId("cluster")
NODES = StepId("nodes")
EMULATOR = StepId("emulator")
SEEDS = StepId("seeds")
IMAGES = StepId("images")
CHARTS = StepId("charts")
NODE_IMAGE = StepId("node-image")
BUILD = "build/"
"""Begins the name of a step that builds an image of the stack."""
CUSTOM_PART = "+custom"
"""Ends the name of the part of a Kustomization that holds objects of kinds its own charts may define."""


def build(image: str) -> StepId:
    """The step that builds the image of this name."""
    return StepId(f"{BUILD}{image}")


def pull(release: str) -> StepId:
    """The step that pulls the chart of release NAMESPACE/NAME."""
    return StepId(f"pull/{release}")


def crds(release: str) -> StepId:
    """The step that applies the CRDs of release NAMESPACE/NAME."""
    return StepId(f"crds/{release}")


def release(name: str) -> StepId:
    """The step that installs release NAMESPACE/NAME."""
    return StepId(f"release/{name}")


def objects(kustomization: str) -> StepId:
    """The step that applies the plain objects of Kustomization NAMESPACE/NAME."""
    return StepId(f"objects/{kustomization}")


def replaced(release: str) -> StepId:
    """The step that removes what an emulator outside the cluster left in place of release NAMESPACE/NAME."""
    return StepId(f"replaced/{release}")


def short_names(steps: Iterable[StepId]) -> Mapping[str, StepId]:
    """Every way to name a step: its id, and each shorter form that means this step alone.

    `release/media/jellyfin` is also `media/jellyfin`, `release/jellyfin` and `jellyfin`. A bare name means the
    release before its chart or its CRDs.
    """
    step_ids = tuple(steps)
    by_form: dict[str, list[StepId]] = {}
    for step in step_ids:
        for form in forms(step):
            by_form.setdefault(form, []).append(step)
    names = {form: matches[0] for form, matches in by_form.items() if len(matches) == 1}
    return names | {step: step for step in step_ids}


def forms(step: StepId) -> tuple[str, ...]:
    """Every way to name it, whether others can be named so too or not."""
    kind, _, rest = step.partition("/")
    namespace, _, name = rest.partition("/")
    if not name:
        return (step,)
    kinded = (step, f"{kind}/{name}")
    return (*kinded, f"{namespace}/{name}", name) if kind in {"release", "objects"} else kinded


def find_step(given: str, steps: Iterable[StepId]) -> StepId:
    """The step meant by its id or a short form.

    Raises:
        UsageError: it matches no step, or several.
    """
    step_ids = tuple(steps)
    step = short_names(step_ids).get(given)
    if step is not None:
        return step
    several = [step_id for step_id in step_ids if given in forms(step_id)]
    if several:
        raise UsageError(f"{given} could be {' or '.join(several)}", fix="write one of them")
    near = nearest(given, [form for step_id in step_ids for form in forms(step_id)])
    meant = f"; did you mean {near}?" if near is not None else ""
    raise UsageError(f"no step is called {given}{meant}", evidence=step_ids, fix="list the steps with: bootstrap plan")
