"""What can be wrong with a function's fixture beyond its schema."""

import re
from collections.abc import Iterator, Mapping

from bootstrap.errors import Problem
from bootstrap.seeds.aws_shapes import members
from bootstrap.seeds.model import Fixture, ResourceId, digest
from bootstrap.seeds.services.lambda_ import event_sources as events
from bootstrap.seeds.services.lambda_.configuration import DEFAULTS
from bootstrap.seeds.services.limits import mapping_problems
from bootstrap.seeds.services.sns.filter_policy import filter_policy_problems
from bootstrap.yamltext.positions import ValuePath, nearest

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
RUNTIME = re.compile(
    r"python\d\.\d+|nodejs\d+\.x|java\d+(\.al\w+)?|dotnet\w+(\.\d)?|ruby\d\.\d|go1\.x|provided(\.al\w+)?"
)
RESERVED = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|AWS_(DEFAULT_)?REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_.*|AWS_ACCESS_KEY(_ID)?"
    r"|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|LAMBDA_(TASK_ROOT|RUNTIME_DIR)"
)


def package_problems(fixture: Fixture) -> Iterator[Problem]:
    """A zip without runtime or handler, an image with them, and runtimes that there are not."""
    body = fixture.body
    for key in ("runtime", "handler"):
        if "image" not in body and key not in body:
            yield fixture.problem((), f"{key} is missing")
    for key in ("runtime", "handler", "layers"):
        if "image" in body and key in body:
            yield fixture.problem((key,), "is for zip packages only, and this is an image")
    if "image" not in body and "ImageConfig" in body.get("aws", {}):
        yield fixture.problem(("aws", "ImageConfig"), "is for images only (write image)")
    runtime = body.get("runtime", "${")
    if not RUNTIME.fullmatch(runtime) and "${" not in runtime:
        near = nearest(runtime, getattr(members("lambda", "CreateFunction")["Runtime"], "enum", ()))
        hint = f" (did you mean {near}?)" if near else ""
        yield fixture.problem(("runtime",), f"{runtime!r} is not a runtime{hint}")


def file_problems(fixture: Fixture) -> Iterator[Problem]:
    """Missing files, and a handler that its folder does not hold."""
    body = fixture.body
    if "source" in body and "${" not in body["source"]:
        source = fixture.file(body["source"])
        if not source.exists():
            yield fixture.problem(("source",), f"there is no file or folder {body['source']}")
        elif source.is_dir() and "handler" in body and body.get("runtime", "").startswith("python"):
            module = body["handler"].rpartition(".")[0].replace(".", "/")
            if not module:
                yield fixture.problem(("handler",), "must be MODULE.FUNCTION, such as app.handler")
            elif not (source / f"{module}.py").is_file() and not (source / module / "__init__.py").is_file():
                yield fixture.problem(("handler",), f"there is no {module}.py in {body['source']}")
    for number, layer in enumerate(body.get("layers", ())):
        if not layer.startswith(("arn:", "${")) and not fixture.file(layer).exists():
            yield fixture.problem(("layers", number), f"there is no file or folder {layer}")


def source_problems(fixture: Fixture, fixtures: Mapping[ResourceId, Fixture]) -> Iterator[Problem]:
    """CreateEventSourceMapping: a table without a stream, a queue whose messages reappear while the function runs."""
    timeout = fixture.body.get("timeout", DEFAULTS["timeout"])
    for number, event in enumerate(fixture.body.get("events", ())):
        kind = events.kind_of_source(event)
        source = fixtures.get(ResourceId(events.SOURCES[kind][0], event[kind]))
        if source is None:
            continue
        if kind == "stream" and "stream" not in source.body and not _has_stream(source):
            text = f"dynamodb/{event[kind]} has no stream (write stream: NEW_AND_OLD_IMAGES in {source.place.file})"
            yield fixture.problem(("events", number, kind), text)
        hidden = source.body.get("aws", {}).get("Attributes", {}).get("VisibilityTimeout", "30")
        if kind == "queue" and isinstance(timeout, int) and hidden.isdigit() and int(hidden) < timeout:
            what = f"has a VisibilityTimeout of {hidden}, less than the function's timeout of {timeout}"
            text = f"sqs/{event[kind]} {what}"
            yield fixture.problem(("events", number, kind), text)


def _has_stream(table: Fixture) -> bool:
    return bool((table.body.get("aws", {}).get("StreamSpecification") or {}).get("StreamEnabled"))


def event_problems(fixture: Fixture) -> Iterator[Problem]:
    """Keys that do not fit the source, and sources given twice."""
    seen: dict[str, int] = {}
    for number, event in enumerate(fixture.body.get("events", ())):
        path: ValuePath = ("events", number)
        kind = events.kind_of_source(event)
        for key in event:
            if key != kind and key not in events.ALLOWED[kind]:
                yield fixture.problem((*path, key), f"is not for a {kind}")
        for inside, text in mapping_problems(kind, event):
            yield fixture.problem((*path, *inside), text)
        for inside, text in filter_policy_problems(event.get("filterPolicy", {}), "MessageAttributes"):
            yield fixture.problem((*path, "filterPolicy", *inside), text)
        identity = digest([event[kind], event.get("prefix"), event.get("suffix")]) + kind
        first = seen.setdefault(identity, number)
        if first != number:
            yield fixture.problem((*path, kind), f"{event[kind]} is given twice (first in events[{first}])")
