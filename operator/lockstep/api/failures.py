"""Every reason why a revision fails: in ``status.rejected`` of one that was taken back.

Conditions say them where nothing is taken back: of a first revision, of pods of stable, and where
``onFailure`` is Pause.
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
        "A gate's measurements were beyond its limit more often than it tolerates.",
        "Another spec; with `onFailure: Pause` also Decision Promote, Retry or Reject.",
    )
    SMOKE_TEST_FAILED = (
        "SmokeTestFailed",
        (),
        "The smoke test got no answer, or a wrong one: no caller has met the revision.",
        "Another `template`, `model`, `smokeTest` or `service`, or Decision Retry.",
    )
    REJECTED = ("Rejected", (), "Somebody decided Reject.", "Another spec, or Decision Retry.")
    ABORTED = ("Aborted", (), "Somebody decided Abort.", "Another spec, or Decision Retry.")

    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        _PODS,
        "An image cannot be pulled.",
        "Mend the image reference, the registry, or the pull Secret.",
    )
    DIGEST_MISMATCH = (
        "DigestMismatch",
        _PODS,
        "The registry serves other content than the digest says.",
        "Mend the registry, or pin the right digest.",
    )
    CONTAINER_CONFIG_ERROR = (
        "ContainerConfigError",
        _PODS,
        "A container cannot be made from the template, often for a key that a Secret lacks.",
        "Mend what the message names.",
    )
    CONTAINER_START_FAILED = (
        "ContainerStartFailed",
        _PODS,
        "A container cannot be started, often for a command that is not in the image.",
        "Mend what the message names.",
    )
    CRASH_LOOP = (
        "CrashLoop",
        _PODS,
        "A container ends again and again, a candidate's beyond `restartLimit.startup`.",
        "See the log of the container that the message names.",
    )
    PODS_FAILED = (
        "PodsFailed",
        _PODS,
        "More pods failed before they were ready than `restartLimit.startup` tolerates.",
        "See what the message quotes.",
    )
    CANDIDATE_DIED = (
        "CandidateDied",
        _PODS,
        "Pods that had been ready died more often than `restartLimit.serving` tolerates.",
        "See what the message quotes.",
    )
    CANDIDATE_FLAPS = (
        "CandidateFlaps",
        _PODS,
        "Pods were ready and not ready again for `progressDeadline`.",
        "Mend the readiness probe, or what it asks.",
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
        "Mend what the message names.",
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
        "A pod found no node within `unschedulableGrace`.",
        "Add a node that fits, or ask for less.",
    )
    PROGRESS_DEADLINE_EXCEEDED = (
        "ProgressDeadlineExceeded",
        _PODS,
        "No further pod became available within `progressDeadline`.",
        "Mend what the message names, or raise `progressDeadline`.",
    )

    WRITE_REFUSED = (
        "WriteRefused",
        (*_PODS, _T.REFUSED),
        "The API server refuses an object of Lockstep's: a policy, a missing right, a size.",
        "Change the rule that the message names, or do what it asks for.",
    )
    CLUSTER_UNAVAILABLE = (
        "ClusterUnavailable",
        (*_PODS, _T.RECONCILING, _T.SPEC_VALID, _T.REFUSED),
        "The cluster cannot take writes for now: a webhook that is away, etcd, a time-out.",
        "Mend the cluster; it is tried again by itself.",
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        (*_PODS, _T.RECONCILING, _T.SPEC_VALID, _T.REFUSED),
        "A ResourceQuota has no room.",
        "Make room in the quota; it is tried again by itself.",
    )
