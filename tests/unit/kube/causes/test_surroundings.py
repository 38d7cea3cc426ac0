"""What keeps pods from outside: the scheduler, claims, nodes, refusals, what is missing, deletion."""

import pytest

from bootstrap.kube.causes.diagnosis import find_causes
from bootstrap.kube.causes.missing_references import needed_objects
from bootstrap.kube.causes.surroundings import Surroundings
from bootstrap.model.cause import Cause, CauseKind
from bootstrap.model.kube import Manifest, ref_of
from fakes.surroundings import (
    container,
    deployment,
    ended,
    event,
    meta,
    node,
    pod,
    replica_set,
    surroundings_of,
    unscheduled,
    waiting,
)

CREATING = [container(waiting("ContainerCreating"))]
JOB: Manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta("migrate"), "spec": {}, "status": {}}


def first(surroundings: Surroundings) -> Cause:
    return find_causes(surroundings)[0]


@pytest.mark.parametrize(
    ("message", "text", "fix"),
    [
        ("1 Insufficient cpu", "1 Insufficient cpu", "lower resources.requests.cpu"),
        ("1 node(s) didn't match Pod's node affinity/selector", "affinity/selector", "correct nodeSelector"),
        ("1 node(s) had untolerated taint {gpu: true}", "untolerated taint {gpu: true}", "add a toleration"),
        ("1 node(s) didn't have free ports for the requested pod ports", "free ports", "free the hostPort"),
        ("1 node(s) didn't match pod anti-affinity rules", "anti-affinity", "run fewer replicas than nodes"),
        ("1 node(s) were unschedulable", "unschedulable", "kubectl uncordon"),
    ],
)
def test_the_scheduler_is_quoted_by_node(message: str, text: str, fix: str) -> None:
    whole = f"0/1 nodes are available: {message}. preemption: 0/1 nodes are available: 1 No preemption victims found."
    cause = first(surroundings_of([unscheduled(whole)]))
    assert (cause.kind, cause.terminal) == (CauseKind.UNSCHEDULABLE, True)
    assert text in cause.text
    assert "preemption" not in cause.text
    assert fix in cause.fix
    assert cause.evidence[0] == whole


def test_what_is_short_is_told_with_what_each_node_has() -> None:
    spec = {"containers": [{"name": "main", "resources": {"requests": {"cpu": "64"}}}]}
    message = "0/2 nodes are available: 2 Insufficient cpu."
    cause = first(surroundings_of([unscheduled(message, spec=spec)], nodes=[node("n1", cpu="2"), node("n2", cpu="4")]))
    assert cause.evidence[1] == "cpu: the pod asks 64; nodes have n1 2, n2 4"


def test_while_pods_end_there_may_be_room_soon() -> None:
    ending = pod("old", owner="other")
    ending["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z"
    message = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."
    assert not first(surroundings_of([unscheduled(message), ending])).terminal


def test_a_gate_is_told_and_ends_nothing() -> None:
    gated = unscheduled("", reason="SchedulingGated", spec={"schedulingGates": [{"name": "example.com/quota"}]})
    cause = first(surroundings_of([gated]))
    assert (cause.kind, cause.terminal) == (CauseKind.GATED, False)
    assert "example.com/quota" in cause.text


def claim(name: str = "data", **spec: object) -> Manifest:
    return {"metadata": meta(name), "spec": spec, "status": {"phase": "Pending"}}


def storage_class(name: str, provisioner: str = "test/disk", **more: object) -> Manifest:
    return {"metadata": {"name": name}, "provisioner": provisioner, **more}


def claiming() -> Manifest:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    return unscheduled(message, spec={"volumes": volumes})


@pytest.mark.parametrize(
    ("asked", "classes", "reason", "message", "text"),
    [
        (
            {"storageClassName": "fast"},
            [storage_class("standard")],
            "ProvisioningFailed",
            'storageclass.storage.k8s.io "fast" not found',
            "names the storage class fast, which does not exist",
        ),
        (
            {},
            [storage_class("standard")],
            "FailedBinding",
            "no persistent volumes available for this claim and no storage class is set",
            "names no storage class, and the cluster has no default one",
        ),
        (
            {"storageClassName": "slow"},
            [storage_class("slow", "gone.test/csi")],
            "ExternalProvisioning",
            "Waiting for a volume to be created either by the external provisioner 'gone.test/csi' or manually",
            "waits for gone.test/csi (storage class slow), which does not answer",
        ),
        (
            {"storageClassName": "slow"},
            [storage_class("slow")],
            "ProvisioningFailed",
            "failed to provision volume: no space left",
            "cannot be given a volume by test/disk",
        ),
    ],
)
def test_a_claim_without_class_or_provisioner(
    asked: Manifest, classes: list[Manifest], reason: str, message: str, text: str
) -> None:
    surroundings = surroundings_of(
        [claiming()], claims=[claim(**asked)], storage_classes=classes, events=[event("data", reason, message)]
    )
    cause = first(surroundings)
    assert (cause.kind, cause.terminal) == (CauseKind.CLAIM, True)
    assert cause.text == f"claim shop/data {text}" + ("; no volume fits it" if not asked else "")
    assert cause.evidence == (message,)
    assert "kubectl" in cause.fix or "standard" in cause.fix


def test_a_claim_whose_provisioner_is_at_work_is_waited_for() -> None:
    events = [
        event("data", "ExternalProvisioning", "Waiting for a volume", at="2026-01-02T03:04:30Z", kind="Normal"),
        event("data", "Provisioning", "External provisioner is provisioning", at="2026-01-02T03:04:31Z", kind="Normal"),
    ]
    surroundings = surroundings_of(
        [claiming()],
        claims=[claim(storageClassName="slow")],
        storage_classes=[storage_class("slow")],
        events=events,
    )
    assert not any(cause.terminal for cause in find_causes(surroundings))


def test_a_claim_that_does_not_exist() -> None:
    message = '0/1 nodes are available: persistentvolumeclaim "data" not found. not found'
    cause = first(surroundings_of([unscheduled(message)]))
    assert (cause.kind, cause.text) == (CauseKind.MISSING, "PersistentVolumeClaim shop/data does not exist")


def not_ready(reason: str, message: str) -> Manifest:
    return {
        "type": "Ready",
        "status": "False",
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-01-02T03:03:30Z",
    }


def test_a_node_is_told_in_its_kubelets_words() -> None:
    words = "container runtime network not ready: cni plugin not initialized"
    message = "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }."
    causes = find_causes(
        surroundings_of([unscheduled(message)], nodes=[node("n1", not_ready("KubeletNotReady", words))])
    )
    assert causes[0].text == f"node n1 is not ready for 1m30s: {words}"
    assert causes[0].terminal
    assert not causes[1].terminal  # the taint alone may go with the next heartbeat


def test_a_node_that_was_just_created_is_waited_for() -> None:
    young = node("n1", not_ready("KubeletNotReady", "cni plugin not initialized"))
    young = {**young, "metadata": {**young["metadata"], "creationTimestamp": "2026-01-02T03:04:00Z"}}
    message = "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }."
    causes = find_causes(surroundings_of([unscheduled(message)], nodes=[young]))
    assert [cause.terminal for cause in causes] == [False, False]


def test_disk_pressure() -> None:
    pressure = {"type": "DiskPressure", "status": "True", "message": "kubelet has disk pressure"}
    unwell = node("n1", {"type": "Ready", "status": "True"}, pressure)
    cause = first(surroundings_of([pod(containerStatuses=CREATING)], nodes=[unwell]))
    assert (cause.kind, cause.text) == (
        CauseKind.NODE_PRESSURE,
        "node n1 has disk pressure: kubelet has disk pressure",
    )
    assert "docker system prune" in cause.fix


def refused(message: str) -> Surroundings:
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    return surroundings_of(replica_sets=[replica_set(conditions=[failure])])


@pytest.mark.parametrize(
    ("message", "kind", "text", "fix", "terminal"),
    [
        (
            'pods "web-1-" is forbidden: exceeded quota: small, requested: cpu=2, used: cpu=0, limited: cpu=1',
            CauseKind.QUOTA,
            "quota small: requested: cpu=2, used: cpu=0, limited: cpu=1",
            "kubectl -n shop describe resourcequota small",
            True,
        ),
        (
            'pods "web-1-a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
            CauseKind.POD_SECURITY,
            "Pod Security level restricted: runAsNonRoot != true",
            "kubectl label namespace shop pod-security.kubernetes.io/enforce=privileged --overwrite",
            True,
        ),
        (
            'admission webhook "policy.test" denied the request: no latest tags here',
            CauseKind.ADMISSION,
            "by webhook policy.test: no latest tags here",
            "change the pods as the webhook requires",
            True,
        ),
        (
            'Internal error occurred: failed calling webhook "policy.test": failed to call webhook: Post "https://x": '
            "connection refused",
            CauseKind.WEBHOOK,
            "because webhook policy.test does not answer",
            "kubectl get pods -A",
            False,
        ),
        (
            'pods "web-1-" is forbidden: no PriorityClass with name urgent was found',
            CauseKind.MISSING,
            "PriorityClass urgent does not exist",
            "name one that exists: kubectl get priorityclass",
            True,
        ),
        (
            'pods "web-1-" is forbidden: error looking up service account shop/robot: serviceaccount "robot" not found',
            CauseKind.MISSING,
            "ServiceAccount shop/robot does not exist",
            "kubectl -n shop create serviceaccount robot",
            True,
        ),
        (
            'pods "web-1-a" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
            CauseKind.LIMITS,
            "maximum cpu usage per Container is 1, but limit is 2",
            "kubectl -n shop describe limitrange",
            True,
        ),
        (
            "Operation cannot be fulfilled on pods: the object has been modified",
            CauseKind.REFUSED,
            "the object has been modified",
            "kubectl -n shop get deployment web -o yaml",
            False,
        ),
    ],
)
def test_refusals_on_the_replica_set(message: str, kind: CauseKind, text: str, fix: str, *, terminal: bool) -> None:
    cause = first(refused(message))
    assert (cause.kind, cause.terminal) == (kind, terminal)
    assert text in cause.text
    assert fix in cause.fix
    assert cause.evidence == (message,)


def test_refusals_of_a_stateful_set_are_events() -> None:
    live = {**deployment("db"), "kind": "StatefulSet", "spec": {"replicas": 1}}
    words = 'pods "db-0" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1'
    refused = event("db", "FailedCreate", f"create Pod db-0 in StatefulSet db failed error: {words}")
    cause = first(surroundings_of(objects=[live], events=[refused]))
    assert (cause.kind, cause.evidence) == (CauseKind.QUOTA, (words,))
    # Once it has its pods, the event is an old one.
    started = find_causes(surroundings_of([pod("db-0", owner="db", phase="Pending")], objects=[live], events=[refused]))
    assert not any(cause.terminal for cause in started)


def mounting(kind: str, words: str) -> Surroundings:
    volumes = [{"name": "conf", kind: {"name": "web", "secretName": "web"}}]
    return surroundings_of(
        [pod(spec={"volumes": volumes}, containerStatuses=CREATING)], events=[event("web-1-a", "FailedMount", words)]
    )


@pytest.mark.parametrize(
    ("surroundings", "text"),
    [
        (
            mounting("configMap", 'MountVolume.SetUp failed for volume "conf" : configmap "web" not found'),
            "ConfigMap shop/web does not exist",
        ),
        (
            mounting("secret", 'MountVolume.SetUp failed for volume "conf" : references non-existent secret key: tls'),
            "key tls of Secret shop/web does not exist",
        ),
        (
            surroundings_of(
                [pod(containerStatuses=[container(waiting("CreateContainerConfigError", 'secret "db" not found'))])]
            ),
            "Secret shop/db does not exist",
        ),
        (
            surroundings_of(
                [
                    pod(
                        containerStatuses=[
                            container(
                                waiting("CreateContainerConfigError", "couldn't find key url in ConfigMap shop/web")
                            )
                        ]
                    )
                ],
                present={("ConfigMap", "shop", "web"): frozenset({"uri", "host"})},
                expected={("ConfigMap", "shop", "web"): "ConfigMap web (release/shop/web)"},
            ),
            "key url of ConfigMap shop/web does not exist; it has the keys host, uri",
        ),
    ],
)
def test_what_nobody_makes_ends_the_wait(surroundings: Surroundings, text: str) -> None:
    cause = first(surroundings)
    assert (cause.text, cause.terminal) == (text, True)
    assert "kubectl -n shop" in cause.fix


def test_what_the_plan_will_make_is_waited_for_and_named() -> None:
    words = 'secret "db" not found'
    stuck = pod(containerStatuses=[container(waiting("CreateContainerConfigError", words))])
    surroundings = surroundings_of(
        [stuck], expected={("Secret", "shop", "db"): "ExternalSecret shop/db of release/shop/web"}
    )
    assert needed_objects(surroundings) == {("Secret", "shop", "db")}
    cause = first(surroundings)
    assert cause.text == "Secret shop/db does not exist yet: ExternalSecret shop/db of release/shop/web creates it"
    assert not cause.terminal


def test_what_a_job_that_still_runs_may_make_is_waited_for() -> None:
    stuck = pod(containerStatuses=[container(waiting("CreateContainerConfigError", 'secret "db" not found'))])
    assert not first(surroundings_of([stuck], objects=[deployment(), JOB])).terminal
    own = pod("migrate-x", owner="migrate", containerStatuses=stuck["status"]["containerStatuses"])
    assert first(surroundings_of([own], objects=[JOB])).terminal


def test_what_is_there_by_now_is_waited_for() -> None:
    words = 'secret "db" not found'
    stuck = pod(containerStatuses=[container(waiting("CreateContainerConfigError", words))])
    cause = first(surroundings_of([stuck], present={("Secret", "shop", "db"): frozenset()}))
    assert "exists now" in cause.text
    assert not cause.terminal


def test_a_namespace_that_is_being_deleted_names_the_finalizers_owner() -> None:
    conditions = [
        {
            "type": "NamespaceContentRemaining",
            "status": "True",
            "message": "Some resources are remaining: widgets.example.com has 1 resource instances",
        },
        {
            "type": "NamespaceFinalizersRemaining",
            "status": "True",
            "message": "Some content in the namespace has finalizers remaining: "
            "example.com/hold in 1 resource instances",
        },
    ]
    going = {
        "metadata": {"name": "shop", "deletionTimestamp": "2026-01-02T03:04:00Z"},
        "status": {"conditions": conditions},
    }
    cause = first(surroundings_of(namespaces=[going]))
    assert cause.text == (
        "namespace shop is being deleted for 1m00s, held by the finalizer example.com/hold of widgets.example.com"
    )
    assert cause.fix == (
        "let the controller of example.com run again, which removes it; "
        "or look at what is left: kubectl -n shop get widgets.example.com -o yaml"
    )
    assert cause.terminal


def test_a_failed_job_tells_what_its_pod_said() -> None:
    failed = {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "backoff limit"}
    job = {**JOB, "status": {"conditions": [failed]}}
    status = container({"terminated": {"exitCode": 2, "reason": "Error"}})
    causes = find_causes(
        surroundings_of([pod("migrate-x", owner="migrate", containerStatuses=[status])], objects=[job])
    )
    assert [cause.kind for cause in causes] == [CauseKind.JOB_FAILED, CauseKind.CRASH]
    assert causes[1].text == "container main ends with exit code 2"


def test_simulated_pods_are_not_judged_by_their_containers() -> None:
    broken = pod(containerStatuses=[container(waiting("CrashLoopBackOff"), restarts=9)])
    assert find_causes(surroundings_of([broken], simulated=True)) == ()
    message = "0/1 nodes are available: 1 Insufficient cpu."
    assert first(surroundings_of([unscheduled(message)], simulated=True)).kind is CauseKind.UNSCHEDULABLE


def test_what_has_no_cause_of_its_own_shows_its_warnings() -> None:
    other_event = event("web", "FailedUpdate", "something else")
    causes = find_causes(surroundings_of(events=[other_event]))
    assert [(cause.kind, cause.terminal) for cause in causes] == [(CauseKind.WARNING, False)]


def test_an_object_that_is_not_there_has_no_cause() -> None:
    assert find_causes(Surroundings(objects={ref_of(deployment()): None})) == ()


def test_a_csi_driver_that_nobody_installs_ends_the_wait() -> None:
    words = (
        'MountVolume.SetUp failed for volume "v" : kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: '
        "driver name vault.test/csi not found in the list of registered CSI drivers"
    )
    stuck, events = pod(containerStatuses=CREATING), [event("web-1-a", "FailedMount", words)]
    cause = first(surroundings_of([stuck], events=events))
    assert (cause.kind, cause.text, cause.terminal) == (
        CauseKind.MISSING,
        "CSIDriver vault.test/csi does not exist",
        True,
    )
    assert "kubectl get csidrivers" in cause.fix
    assert needed_objects(surroundings_of([stuck], events=events)) == {("CSIDriver", None, "vault.test/csi")}
    there = first(surroundings_of([stuck], events=events, present={("CSIDriver", None, "vault.test/csi"): frozenset()}))
    assert (there.text, there.terminal) == ("CSIDriver vault.test/csi has not registered on the node yet", False)
    later = {("CSIDriver", None, "vault.test/csi"): "CSIDriver vault.test/csi (release/vault/csi)"}
    assert not first(surroundings_of([stuck], events=events, expected=later)).terminal


@pytest.mark.parametrize(
    ("words", "text", "terminal"),
    [
        (
            "mount failed: exit status 32 Mounting command: mount Mounting arguments: -t nfs 10.0.0.9:/x /pods/v "
            "Output: mount: /pods/v: bad option; you might need a /sbin/mount.<type> helper program.",
            "volume v cannot be mounted: the node has no program that mounts nfs",
            True,
        ),
        (
            "mount failed: exit status 32 Mounting arguments: -t nfs 10.0.0.9:/x Output: mount.nfs: No route to host",
            "volume v cannot be mounted: mount.nfs: No route to host",
            False,
        ),
    ],
)
def test_a_mount_that_no_node_can_make_ends_the_wait(words: str, text: str, *, terminal: bool) -> None:
    events = [event("web-1-a", "FailedMount", f'MountVolume.SetUp failed for volume "v" : {words}')]
    cause = first(surroundings_of([pod(containerStatuses=CREATING)], events=events))
    assert (cause.kind, cause.text, cause.terminal) == (CauseKind.VOLUME, text, terminal)


def _refused(name: str) -> Manifest:
    return pod(name, phase="Failed", reason="SysctlForbidden", message='forbidden sysctl: "net.core.somaxconn"')


def test_pods_that_a_node_refuses_again_and_again_end_the_wait() -> None:
    twice = [_refused("web-1-a"), _refused("web-1-b")]
    assert not first(surroundings_of(twice)).terminal
    thrice = [*twice, _refused("web-1-c")]
    cause = first(surroundings_of(thrice))
    assert (cause.kind, cause.terminal) == (CauseKind.POD_FAILED, True)
    assert "allowedUnsafeSysctls" in cause.fix
    # The next one fares better.
    assert not first(surroundings_of([*thrice, pod("web-1-d", phase="Running")])).terminal


def test_a_job_whose_third_pod_failed_is_not_waited_for_through_its_back_off() -> None:
    statuses = [container(ended(1))]
    pods = [pod(f"migrate-{name}", owner="migrate", phase="Failed", containerStatuses=statuses) for name in "abc"]
    cause = first(surroundings_of(pods, objects=[JOB]))
    assert (cause.text, cause.terminal) == ("container main ends with exit code 1", True)
    assert cause.fix.endswith("logs migrate-a -c main")
    assert not first(surroundings_of(pods[:2], objects=[JOB])).terminal


def test_a_job_beyond_its_deadline_has_failed_while_its_pods_still_end() -> None:
    late = {"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": "active too long"}
    cause = first(surroundings_of(objects=[{**JOB, "status": {"conditions": [late]}}]))
    assert (cause.kind, cause.terminal) == (CauseKind.JOB_FAILED, True)
    assert cause.fix.startswith("raise its activeDeadlineSeconds")


def test_a_paused_deployment_is_not_waited_for() -> None:
    cause = first(surroundings_of(objects=[{**deployment(), "spec": {"replicas": 1, "paused": True}}]))
    assert (cause.text.partition(" (")[0], cause.terminal) == ("Deployment shop/web is paused", True)
    assert "rollout resume deployment/web" in cause.fix


def test_a_pod_that_its_node_has_not_begun_with_is_told() -> None:
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-01-02T03:04:00Z"}
    cause = first(surroundings_of([pod(containerStatuses=CREATING, conditions=[scheduled])]))
    assert cause.text == "Pod shop/web-1-a waits for its node to start it"
    assert not cause.terminal


def test_a_device_that_no_node_offers_is_a_matter_of_its_plugin() -> None:
    cause = first(surroundings_of([unscheduled("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.")]))
    assert "device plugin" in cause.fix


@pytest.mark.parametrize("words", ['serviceaccount "default" not found', 'configmap "kube-root-ca.crt" not found'])
def test_what_the_cluster_creates_in_every_namespace_is_waited_for(words: str) -> None:
    events = [event("web-1-a", "FailedMount", words)]
    failure = {"type": "ReplicaFailure", "status": "True", "message": f'pods "web-" is forbidden: {words}'}
    sets = [replica_set(conditions=[failure] if "service" in words else [])]
    cause = first(surroundings_of([pod(containerStatuses=CREATING)], events=events, replica_sets=sets))
    assert "the cluster creates it in every namespace" in cause.text
    assert not cause.terminal


def test_a_claim_template_of_devices_that_does_not_exist_ends_the_wait() -> None:
    words = 'PodResourceClaim g: resource claim template "none": resourceclaimtemplate.resource.k8s.io "none" not found'
    events = [event("web-1-a", "FailedResourceClaimCreation", words)]
    cause = first(surroundings_of([pod()], events=events))
    assert (cause.text, cause.terminal) == ("ResourceClaimTemplate shop/none does not exist", True)
    assert cause.fix.endswith("-n shop get resourceclaimtemplates")
