"""After `up`: a node image that has the stack's images, so that the next cluster begins with them."""

from dataclasses import replace
from datetime import timedelta

from bootstrap.engine.bundle import stack_images
from bootstrap.engine.locked_run import perform_plan
from bootstrap.engine.run import Report
from bootstrap.engine.session import RunOptions, Session
from bootstrap.model.event import Emit, Status
from bootstrap.model.observed import ClusterObserved, Observed, TargetState
from bootstrap.model.step import BakeNodes, Plan, Step
from bootstrap.plan import ids
from bootstrap.system.clock import CancelToken
from bootstrap.system.work import Work

TIMEOUT = timedelta(minutes=15)


def with_baked_nodes(session: Session, report: Report, how: RunOptions, *, emit: Emit, cancel: CancelToken) -> Report:
    """Make the image if the stack asks for one and `up` ended well and changed something; the whole report."""
    changed = any(outcome.status is Status.DONE for outcome in report.outcomes.values())
    if session.ports.baked is None or report.exit_code or not changed:
        return report
    built = frozenset[str]() if session.ports.builds is None else session.ports.builds.references
    images = tuple(image for image in stack_images(session, Work(cancel)) if image not in built)
    if not images:
        return report
    reason = "for the next cluster: its images need not be loaded"
    step = Step(id=ids.NODE_IMAGE, action=BakeNodes(images=images), reason=reason, timeout=TIMEOUT)
    nothing = Observed(cluster=ClusterObserved(state=TargetState.ABSENT))
    made = perform_plan(session, Plan(steps=(step,)), nothing, how, emit=emit, cancel=cancel)
    return replace(made, outcomes={**report.outcomes, **made.outcomes})
