"""Who can end a refusal, told from the words of a real API server."""

import pytest

from lockstep.core.refusals import Cause, cause

CASES: dict[str, tuple[str, int, Cause]] = {
    "a webhook without anybody behind it": (
        (
            'Internal error occurred: failed calling webhook "inject.example.com": failed to call '
            'webhook: Post "https://nobody.team-a.svc:443/inject?timeout=10s": service "nobody" '
            "not found"
        ),
        0,
        Cause.PLATFORM,
    ),
    "a webhook that takes too long": (
        'failed calling webhook "x": context deadline exceeded',
        0,
        Cause.PLATFORM,
    ),
    "a webhook that says no": (
        'admission webhook "v.example.com" denied the request: no tag latest',
        0,
        Cause.SPEC,
    ),
    "a webhook that could not ask whom it asks": (
        'admission webhook "v.example.com" denied the request: registry: i/o timeout',
        0,
        Cause.PLATFORM,
    ),
    "etcd elects": ("etcdserver: leader changed", 0, Cause.PLATFORM),
    "etcd is slow": ("etcdserver: request timed out", 500, Cause.PLATFORM),
    "an object that no etcd takes": ("etcdserver: request is too large", 500, Cause.SPEC),
    "a message that gRPC does not send": (
        (
            "rpc error: code = ResourceExhausted desc = trying to send message larger than max "
            "(3145747 vs. 2097152)"
        ),
        500,
        Cause.SPEC,
    ),
    "a quota that is full": (
        (
            'pods "m-x" is forbidden: exceeded quota: two, requested: pods=1, used: pods=2, '
            "limited: pods=2"
        ),
        403,
        Cause.ROOM,
    ),
    "a quota of GPUs": (
        (
            'pods "m-x" is forbidden: exceeded quota: gpus, requested: '
            "requests.nvidia.com/gpu=1, used: 2, limited: 2"
        ),
        0,
        Cause.ROOM,
    ),
    "a quota that nobody has counted yet": (
        'pods "m-x" is forbidden: status unknown for quota: two, resources: pods',
        403,
        Cause.PLATFORM,
    ),
    "a quota that needs limits": (
        'pods "m-x" is forbidden: failed quota: cpu: must specify limits.cpu',
        403,
        Cause.SPEC,
    ),
    "an API server that has just started": (
        'pods "m-x" is forbidden: not yet ready to handle request',
        403,
        Cause.PLATFORM,
    ),
    "Pod Security": (
        'pods "m-x" is forbidden: violates PodSecurity "restricted:latest"',
        403,
        Cause.SPEC,
    ),
    "a missing ServiceAccount": (
        (
            'pods "m-x" is forbidden: error looking up service account team-a/x: serviceaccount '
            '"x" not found'
        ),
        0,
        Cause.SPEC,
    ),
    "a policy": (
        (
            "services \"m\" is forbidden: ValidatingAdmissionPolicy 'team-label' with binding 'b' "
            "denied request: every Service needs a label team"
        ),
        422,
        Cause.SPEC,
    ),
    "a limit range": (
        'pods "m-x" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
        0,
        Cause.SPEC,
    ),
    "a server error without a word": ("HTTP 500", 500, Cause.PLATFORM),
    "asked too often": ("HTTP 429", 429, Cause.PLATFORM),
}


@pytest.mark.parametrize(("message", "code", "expected"), CASES.values(), ids=CASES)
def test_cause(message: str, code: int, expected: Cause) -> None:
    assert cause(message, code) is expected
