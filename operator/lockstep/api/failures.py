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
        "Another spec; where onFailure is Pause also Decision Promote, Retry or Reject.",
    )
    SMOKE_TEST_FAILED = (
        "SmokeTestFailed",
        (),
        "The smoke test got no answer, or a wrong one: no caller has met the revision.",
        "Another template, model, smokeTest or service; Decision Retry.",
    )
    REJECTED = ("Rejected", (), "Somebody decided Reject.", "Another spec, or Decision Retry.")
    ABORTED = ("Aborted", (), "Somebody decided Abort.", "Another spec, or Decision Retry.")

    IMAGE_PULL_FAILED = (
        "ImagePullFailed",
        _PODS,
        "An image cannot be pulled.",
        "The image, its name, or the pull Secret.",
    )
    DIGEST_MISMATCH = (
        "DigestMismatch",
        _PODS,
        "The registry serves other content than the digest says.",
        "The registry, or the digest.",
    )
    CONTAINER_CONFIG_ERROR = (
        "ContainerConfigError",
        _PODS,
        "A container cannot be made from the template, often for a key that a Secret lacks.",
        "What the message names.",
    )
    CONTAINER_START_FAILED = (
        "ContainerStartFailed",
        _PODS,
        "A container cannot be started, often for a command that is not in the image.",
        "What the message names.",
    )
    CRASH_LOOP = (
        "CrashLoop",
        _PODS,
        "A container ends again and again before it is ready, beyond restartLimit.startup.",
        "What its log says.",
    )
    PODS_FAILED = (
        "PodsFailed",
        _PODS,
        "More pods failed before they were ready than restartLimit.startup tolerates.",
        "What the message quotes.",
    )
    CANDIDATE_DIED = (
        "CandidateDied",
        _PODS,
        "Pods that had been ready died more often than restartLimit.serving tolerates.",
        "What the message quotes.",
    )
    CANDIDATE_FLAPS = (
        "CandidateFlaps",
        _PODS,
        "Pods were ready and not ready again for progressDeadline.",
        "The readiness probe, or what it asks.",
    )
    OOM_KILLED = (
        "OOMKilled",
        _PODS,
        "A container that had been ready ran out of memory, which is never tolerated.",
        "A higher memory limit, or a smaller model.",
    )
    FAILED_CREATE = (
        "FailedCreate",
        _PODS,
        "The cluster refuses to create the pods.",
        "What the message names.",
    )
    POD_SECURITY = (
        "PodSecurity",
        _PODS,
        "The namespace's Pod Security level forbids the pods.",
        "The fields that the message names.",
    )
    SERVICE_ACCOUNT_MISSING = (
        "ServiceAccountMissing",
        _PODS,
        "The template's ServiceAccount does not exist.",
        "The ServiceAccount, or another name.",
    )
    UNSCHEDULABLE = (
        "Unschedulable",
        _PODS,
        "A pod found no node within unschedulableGrace.",
        "A node that fits, or smaller requests.",
    )
    PROGRESS_DEADLINE_EXCEEDED = (
        "ProgressDeadlineExceeded",
        _PODS,
        "No further pod became available within progressDeadline.",
        "What the message names, or a longer progressDeadline.",
    )

    WRITE_REFUSED = (
        "WriteRefused",
        (*_PODS, _T.REFUSED),
        "The API server refuses an object of Lockstep's: a policy, a missing right, a size.",
        "The rule that the message names, or what it asks for.",
    )
    CLUSTER_UNAVAILABLE = (
        "ClusterUnavailable",
        (*_PODS, _T.RECONCILING, _T.SPEC_VALID, _T.REFUSED),
        "The cluster cannot take writes for now: a webhook that is away, etcd, a time-out.",
        "The cluster; it is tried again by itself.",
    )
    QUOTA_EXCEEDED = (
        "QuotaExceeded",
        (*_PODS, _T.RECONCILING, _T.SPEC_VALID, _T.REFUSED),
        "A ResourceQuota has no room.",
        "Room in the quota; it is tried again by itself.",
    )
