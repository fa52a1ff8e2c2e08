"""Every reason why a revision fails: in ``status.rejected`` of one that was rolled back.

Conditions have them where nothing is rolled back: for a first revision, for pods of stable, and
where ``onFailure`` is Pause.
"""

from typing import Final

from lockstep.api.conditions import ConditionReason, ConditionType

_T: Final = ConditionType
_PODS: Final = (_T.STALLED, _T.PAUSED)


class FailureReason(ConditionReason):
    """Why a revision fails."""

    GATE_FAILED = (
        "GateFailed",
        (_T.PAUSED,),
        "A gate's measurements exceeded its limit more often than it tolerates.",
        "Another spec; with `onFailure: Pause` also Decision Promote, Retry or Reject.",
    )
    SMOKE_TEST_FAILED = (
        "SmokeTestFailed",
        (),
        "The smoke test got no answer, or a wrong one. The revision received no traffic.",
        "Another `template`, `model`, `smokeTest` or `service`, or Decision Retry.",
    )
    REJECTED = ("Rejected", (), "There was a Decision Reject.", "Another spec, or Decision Retry.")
    ABORTED = ("Aborted", (), "There was a Decision Abort.", "Another spec, or Decision Retry.")

    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        _PODS,
        "An image cannot be pulled.",
        "Fix the image reference, the registry, or the pull Secret.",
    )
    DIGEST_MISMATCH = (
        "DigestMismatch",
        _PODS,
        "The registry serves content that does not match the digest.",
        "Fix the registry, or pin the right digest.",
    )
    CONTAINER_CONFIG_ERROR = (
        "ContainerConfigError",
        _PODS,
        "A container cannot be created from the template, often because a Secret lacks a key.",
        "Fix what the message names.",
    )
    CONTAINER_START_FAILED = (
        "ContainerStartFailed",
        _PODS,
        "A container cannot be started, often because its command is not in the image.",
        "Fix what the message names.",
    )
    CRASH_LOOP = (
        "CrashLoop",
        _PODS,
        "A container keeps crashing; of a candidate, more often than `restartLimit.startup`.",
        "See the log of the container that the message names.",
    )
    PODS_FAILED = (
        "PodsFailed",
        _PODS,
        "More pods failed before they were ready than `restartLimit.startup` tolerates.",
        "See the error in the message.",
    )
    CANDIDATE_DIED = (
        "CandidateDied",
        _PODS,
        "Pods that had been ready failed more often than `restartLimit.serving` tolerates.",
        "See the error in the message.",
    )
    CANDIDATE_FLAPS = (
        "CandidateFlaps",
        _PODS,
        "Pods alternated between ready and not ready for `progressDeadline`.",
        "Fix the readiness probe, or what it checks.",
    )
    OOM_KILLED = (
        "OOMKilled",
        _PODS,
        "A container that had been ready ran out of memory, which is never tolerated.",
        "Raise the memory limit, or use a smaller model.",
    )
    FAILED_CREATE = (
        "FailedCreate",
        _PODS,
        "The cluster refuses to create the pods.",
        "Fix what the message names.",
    )
    POD_SECURITY = (
        "PodSecurity",
        _PODS,
        "The namespace's Pod Security level forbids the pods.",
        "Change the fields that the message names.",
    )
    SERVICE_ACCOUNT_MISSING = (
        "ServiceAccountMissing",
        _PODS,
        "The template's ServiceAccount does not exist.",
        "Create it, or name another.",
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        _PODS,
        "A pod was not scheduled within `unschedulableGrace`.",
        "Add a node that fits, or request less.",
    )
    PROGRESS_DEADLINE_EXCEEDED = (
        "ProgressDeadlineExceeded",
        _PODS,
        "No further pod became available within `progressDeadline`.",
        "Fix what the message names, or raise `progressDeadline`.",
    )

    WRITE_REFUSED = (
        "WriteRefused",
        (*_PODS, _T.REFUSED),
        "The API server refuses a write of Lockstep: a policy, a missing permission, a size.",
        "Change the rule that the message names, or comply with it.",
    )
    CLUSTER_UNAVAILABLE = (
        "ClusterUnavailable",
        (*_PODS, _T.RECONCILING, _T.SPEC_VALID, _T.REFUSED),
        "The cluster cannot accept writes now: an unavailable webhook, etcd, a timeout.",
        "Fix the cluster; Lockstep retries by itself.",
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        (*_PODS, _T.RECONCILING, _T.SPEC_VALID, _T.REFUSED),
        "A ResourceQuota is used up.",
        "Free or raise the quota; Lockstep retries by itself.",
    )
