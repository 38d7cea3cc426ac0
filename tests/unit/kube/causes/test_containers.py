"""What the containers of a pod say: images, commands, memory, exit codes, probes."""

import pytest

from bootstrap.kube.causes.containers import has_just_restarted, logs_to_read
from bootstrap.kube.causes.diagnosis import find_causes
from bootstrap.kube.causes.surroundings import LogKey
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import Manifest
from fakes.surroundings import WEB, container, ended, event, pod, replica_set, running, surroundings_of, waiting

BACK_OFF = 'Back-off pulling image "shop/web:1"'
FAILED = 'failed to pull and unpack image "registry.test/shop/web:1": failed to resolve reference: '


def first(*pods: Manifest, **more: object) -> Cause:
    return find_causes(surroundings_of(pods, **more))[0]


def pulled(message: str, reason: str = "ErrImagePull") -> Manifest:
    return pod(containerStatuses=[container(waiting(reason, message))])


@pytest.mark.parametrize(
    ("words", "kind", "text"),
    [
        ("registry.test/shop/web:1: not found", CauseKind.IMAGE_NOT_FOUND, "is not found in its registry"),
        ("manifest unknown: manifest unknown", CauseKind.IMAGE_NOT_FOUND, "is not found in its registry"),
        (
            "pull access denied, repository does not exist or may require authorization: server message: "
            "insufficient_scope: authorization failed",
            CauseKind.IMAGE_DENIED,
            "access is denied",
        ),
        ("unexpected status from HEAD request: 401 Unauthorized", CauseKind.IMAGE_DENIED, "access is denied"),
        (
            'failed to do request: Head "https://registry.test/v2/": dial tcp: lookup registry.test on 10.0.0.1:53: '
            "no such host",
            CauseKind.REGISTRY_UNREACHABLE,
            "its registry cannot be reached",
        ),
        ("dial tcp 10.1.2.3:443: i/o timeout", CauseKind.REGISTRY_UNREACHABLE, "its registry cannot be reached"),
        ("no match for platform in manifest: not found", CauseKind.IMAGE_PLATFORM, "has no variant for the nodes'"),
        (
            "pulling from host r failed with status code [manifests 1]: 500 Internal Server Error",
            CauseKind.IMAGE_PULL,
            "its registry answers with an error of its own",
        ),
        ("429 Too Many Requests - toomanyrequests", CauseKind.IMAGE_LIMITED, "the registry's rate limit"),
        ("something nobody has seen", CauseKind.IMAGE_PULL, "image shop/web:1 cannot be pulled"),
    ],
)
def test_what_the_registry_says_is_told_apart(words: str, kind: CauseKind, text: str) -> None:
    cause = first(pulled(FAILED + words))
    assert (cause.kind, cause.of, cause.terminal) == (kind, WEB, True)
    assert text in cause.text
    assert cause.evidence == (FAILED + words,)
    assert "shop/web:1" in cause.text
    assert "bootstrap load shop/web:1" in cause.fix


def test_a_back_off_without_words_is_explained_by_the_event_before_it() -> None:
    words = 'Failed to pull image "shop/web:1": rpc error: code = NotFound desc = shop/web:1: not found'
    cause = first(pulled(BACK_OFF, "ImagePullBackOff"), events=[event("web-1-a", "Failed", words)])
    assert (cause.kind, cause.evidence) == (CauseKind.IMAGE_NOT_FOUND, (words,))


def test_a_pull_that_is_tried_again_just_now_does_not_end_the_wait() -> None:
    events = [
        event("web-1-a", "Pulling", 'Pulling image "shop/web:1"', at="2026-01-02T03:04:50Z", kind="Normal"),
        event("web-1-a", "Failed", 'Failed to pull image "shop/web:1": not found', at="2026-01-02T03:04:40Z"),
    ]
    assert not first(pulled(BACK_OFF, "ImagePullBackOff"), events=events).terminal


def test_a_slow_pull_is_told_with_its_time_and_ends_nothing() -> None:
    slow = event("web-1-a", "Pulling", 'Pulling image "shop/web:1"', at="2026-01-02T03:04:18Z", kind="Normal")
    cause = first(pod(containerStatuses=[container(waiting("ContainerCreating"))]), events=[slow])
    assert (cause.kind, cause.text, cause.terminal) == (CauseKind.PULLING, "pulling image shop/web:1 for 42s", False)


def test_a_name_that_is_no_image_and_an_image_that_may_not_be_pulled() -> None:
    bad = pod(containerStatuses=[container(waiting("InvalidImageName", "invalid reference format"), image="Shop/Web")])
    assert first(bad).text == '"Shop/Web" is not a valid image name'
    assert first(bad).terminal
    never = pod(containerStatuses=[container(waiting("ErrImageNeverPull", "not present with pull policy of Never"))])
    assert first(never).kind is CauseKind.IMAGE_ABSENT
    assert first(never).fix == "copy it to the nodes with: bootstrap load shop/web:1"


def crashed(restarts: int, state: Manifest | None = None) -> Manifest:
    back_off = waiting("CrashLoopBackOff", "back-off 20s restarting failed container")
    return pod(containerStatuses=[container(state or back_off, restarts=restarts, last=ended(3))])


@pytest.mark.parametrize(("restarts", "terminal"), [(0, False), (1, False), (2, True), (7, True)])
def test_a_crash_loop_ends_the_wait_from_the_third_start(restarts: int, *, terminal: bool) -> None:
    cause = first(crashed(restarts))
    assert (cause.kind, cause.terminal) == (CauseKind.CRASH, terminal)
    assert cause.text.startswith("container main ends with exit code 3")


def test_a_crash_shows_the_last_twenty_lines_of_the_container_that_died() -> None:
    died = LogKey(namespace="shop", pod="web-1-a", container="main", previous=False, restarts=2)
    lines = tuple(f"line {number}" for number in range(30))
    surroundings = surroundings_of([crashed(2)], logs={died: lines})
    assert logs_to_read(surroundings) == {died}
    cause = find_causes(surroundings)[0]
    assert cause.evidence == lines[-20:]
    assert cause.text == "container main ends with exit code 3, 3rd start"
    assert cause.fix == "its log shows why: kubectl -n shop logs web-1-a -c main --previous"


def test_while_a_container_runs_once_more_the_log_before_is_meant_and_nothing_ends() -> None:
    surroundings = surroundings_of([crashed(2, running())])
    assert {key.previous for key in logs_to_read(surroundings)} == {True}
    cause = find_causes(surroundings)[0]
    assert (cause.kind, cause.terminal) == (CauseKind.CRASH, False)
    assert cause.text.endswith("3rd start for 30s")


def test_a_container_that_ends_well_in_a_deployment_is_told() -> None:
    cause = first(
        pod(containerStatuses=[container(waiting("CrashLoopBackOff"), restarts=3, last=ended(0, "Completed"))])
    )
    assert "ends with exit code 0, but it must keep running" in cause.text
    assert cause.terminal


def test_memory_is_told_with_its_limit_at_the_first_kill() -> None:
    spec = {"containers": [{"name": "main", "resources": {"limits": {"memory": "64Mi"}}}]}
    status = container(waiting("CrashLoopBackOff"), restarts=1, last=ended(137, "OOMKilled"))
    cause = first(pod(spec=spec, containerStatuses=[status]))
    assert cause.kind is CauseKind.OUT_OF_MEMORY
    assert cause.text == "container main was killed: out of memory at its limit of 64Mi, 2nd start"
    assert cause.fix == "raise resources.limits.memory of main above 64Mi"
    assert cause.terminal


def test_an_init_container_is_told_with_its_exit_code() -> None:
    status = container(waiting("CrashLoopBackOff"), name="migrate", restarts=2, last=ended(127))
    cause = first(pod(initContainerStatuses=[status], containerStatuses=[container(waiting("PodInitializing"))]))
    assert cause.kind is CauseKind.INIT_FAILED
    assert cause.text == "init container migrate ends with exit code 127 (its command is not found), 3rd start"
    assert cause.terminal


def test_a_slow_init_container_is_told_and_ends_nothing() -> None:
    status = container(running("2026-01-02T03:04:00Z"), name="wait")
    causes = find_causes(
        surroundings_of(
            [pod(initContainerStatuses=[status], containerStatuses=[container(waiting("PodInitializing"))])]
        )
    )
    assert [(cause.text, cause.terminal) for cause in causes] == [("init container wait runs for 1m00s", False)]


def test_a_command_that_is_not_in_the_image() -> None:
    words = (
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
        'unable to start container process: error during container init: exec: "serve": executable file not found '
        "in $PATH: unknown"
    )
    status = container(waiting("CrashLoopBackOff"), restarts=1, last=ended(128, "StartError", message=words))
    cause = first(pod(containerStatuses=[status]))
    assert cause.kind is CauseKind.START
    assert cause.text == "container main cannot be started: serve: executable file not found in $PATH"
    assert cause.fix == "correct its command: the image shop/web:1 has no serve that can be executed"
    assert cause.terminal


def test_a_container_that_may_not_run_as_root() -> None:
    words = "container has runAsNonRoot and image will run as root"
    cause = first(pod(containerStatuses=[container(waiting("CreateContainerConfigError", words))]))
    assert cause.kind is CauseKind.CONFIGURATION
    assert "runAsUser" in cause.fix
    assert cause.terminal


def test_a_setting_that_the_runtime_refuses_is_named_with_the_cause() -> None:
    cause = first(pod(containerStatuses=[container(waiting("CreateContainerConfigError", "missing value for NOPE"))]))
    assert cause.text == "container main cannot be started: missing value for NOPE"


def test_a_failing_readiness_probe_is_told_with_its_answer_and_ends_nothing() -> None:
    words = "Readiness probe failed: HTTP probe failed with statuscode: 503"
    unhealthy = event("web-1-a", "Unhealthy", words, field="spec.containers{main}")
    cause = first(pod(containerStatuses=[container(running())], phase="Running"), events=[unhealthy])
    assert cause.kind is CauseKind.PROBE
    assert cause.text == "the readiness probe of container main fails: HTTP probe failed with statuscode: 503"
    assert not cause.terminal


def test_a_container_that_its_liveness_probe_kills() -> None:
    events = [
        event("web-1-a", "Killing", "Container main failed liveness probe, will be restarted", kind="Normal"),
        event("web-1-a", "Unhealthy", "Liveness probe failed: connection refused", field="spec.containers{main}"),
    ]
    status = container(waiting("CrashLoopBackOff"), restarts=2, last=ended(137))
    cause = first(pod(containerStatuses=[status]), events=events)
    assert "is killed because its liveness probe failed: connection refused" in cause.text
    assert cause.fix.startswith("give the probe more time")


@pytest.mark.parametrize(
    ("restarts", "since", "restarted"),
    [(0, "2026-01-02T03:04:58Z", False), (1, "2026-01-02T03:04:58Z", True), (3, "2026-01-02T03:04:40Z", False)],
)
def test_a_container_that_ended_before_has_to_run_for_a_while(restarts: int, since: str, *, restarted: bool) -> None:
    status = container(running(since), restarts=restarts, ready=True)
    assert has_just_restarted(surroundings_of([pod(containerStatuses=[status])])) is restarted


def test_only_pods_of_the_newest_revision_count() -> None:
    old, new = replica_set("web-1", revision=1), replica_set("web-2", revision=2)
    broken = crashed(5)
    fine = pod("web-2-a", owner="web-2", containerStatuses=[container(waiting("ContainerCreating"))])
    assert find_causes(surroundings_of([broken, fine], replica_sets=[new, old])) == ()


def test_replicas_that_fare_alike_give_one_cause() -> None:
    broken_pod = pod("web-1-a", containerStatuses=[container(waiting("ErrImagePull", "not found"))])
    other = pod("web-1-b", containerStatuses=[container(waiting("ErrImagePull", "not found"))])
    assert len(find_causes(surroundings_of([broken_pod, other]))) == 1


def test_a_pod_that_is_ready_over_or_ending_has_no_cause() -> None:
    ready = pod(conditions=[{"type": "Ready", "status": "True"}], containerStatuses=[container(running(), restarts=4)])
    over = pod("web-1-b", phase="Succeeded", containerStatuses=[container(ended(0, "Completed"))])
    ending = crashed(5)
    ending["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    assert find_causes(surroundings_of([ready, over, ending])) == ()


@pytest.mark.parametrize(
    ("message", "text", "fix"),
    [
        (
            'failed to create containerd container: cannot load seccomp profile "/kubelet/p.json": open '
            "/kubelet/p.json: no such file or directory",
            "container main cannot be started: seccomp profile /kubelet/p.json: no such file or directory",
            "RuntimeDefault",
        ),
        (
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
            'failed: unable to start container process: error during container init: error mounting "/pods/v" to '
            'rootfs at "/usr": mount /pods/v:/usr (via /proc/self/fd/6), flags: 0x5001: not a directory: unknown',
            "container main cannot be started: its mount at /usr fails: not a directory",
            "a file (subPath) at a file",
        ),
        (
            f"failed to create task: {'far away: ' * 12}no such device: unknown",
            f"container main cannot be started: {'far away: ' * 10}no such device",
            "correct the container's settings",
        ),
    ],
)
def test_a_runtimes_long_chain_of_messages_is_cut_to_its_reason(message: str, text: str, fix: str) -> None:
    cause = first(pod(containerStatuses=[container(waiting("CreateContainerError", message))]))
    assert (cause.kind, cause.text, cause.terminal) == (CauseKind.START, text, True)
    assert fix in cause.fix


def test_a_failing_hook_after_the_start_is_not_told_as_a_kill() -> None:
    died = container(waiting("CrashLoopBackOff"), restarts=2, last=ended(137))
    hook = event("web-1-a", "FailedPostStartHook", "PostStartHook failed", field="spec.containers{main}")
    cause = first(pod(containerStatuses=[died]), events=[hook])
    assert cause.text == "container main is killed because its postStart hook fails, 3rd start"
    assert cause.terminal


def test_a_container_that_ends_well_and_must_not_end_is_seen_between_its_starts_too() -> None:
    stopped = container(ended(0, "Completed"), restarts=2, last=ended(0, "Completed"))
    cause = first(pod(containerStatuses=[stopped]))
    assert cause.text == "container main ends with exit code 0, but it must keep running, 3rd start"
    assert cause.terminal
    assert find_causes(surroundings_of([pod(spec={"restartPolicy": "Never"}, containerStatuses=[stopped])])) == ()


def test_a_script_without_its_interpreter_is_told_as_such() -> None:
    died = container(waiting("CrashLoopBackOff"), restarts=2, last=ended(1))
    key = LogKey(namespace="shop", pod="web-1-a", container="main", previous=False, restarts=2)
    logs = {key: ("exec /s/run.sh: no such file or directory",)}
    cause = first(pod(containerStatuses=[died]), logs=logs)
    assert cause.text == "container main cannot be started: exec /s/run.sh: no such file or directory, 3rd start"
    assert "no Windows line ends" in cause.fix
