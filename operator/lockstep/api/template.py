"""A revision's pod template: the parts that are looked at are typed, all others kept as written."""

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, WithJsonSchema

from lockstep.api.base import OWN_PREFIX, DnsLabel, KeyedBy, PinnedReference, Rule, Spec
from lockstep.api.service import LONGEST_KEY


class Island(Spec):
    """A typed part of a pod template; what it does not name is kept as written."""

    model_config = ConfigDict(extra="allow")


def _at_most(entries: int) -> WithJsonSchema:
    """A list of objects as Kubernetes has them, for the API server to bound.

    What got in before there was a bound is still read: the operator looks at each entry once.
    """
    item = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return WithJsonSchema({"type": "array", "maxItems": entries, "items": item})


class Container(Island):
    """A container as in a Pod; only its image is looked at here."""

    name: DnsLabel
    """Name of the container, unique in its list."""
    image: PinnedReference
    """The image, pinned: `repository[:tag]@sha256:…`."""
    env: Annotated[Any, _at_most(1024)] = ()
    """Its environment variables."""
    env_from: Annotated[Any, _at_most(128)] = ()
    """ConfigMaps and Secrets that are variables as a whole."""
    ports: Annotated[Any, _at_most(256)] = ()
    """The ports that it listens on."""
    volume_mounts: Annotated[Any, _at_most(256)] = ()
    """Where volumes are mounted."""


class ImageVolumeSource(Island):
    """An OCI image or artifact that is mounted read-only."""

    reference: PinnedReference
    """The image or artifact, pinned: `repository[:tag]@sha256:…`."""


class Volume(Island):
    """A volume as in a Pod; only an image in it is looked at here."""

    name: DnsLabel
    """Name of the volume, unique in its list."""
    image: ImageVolumeSource | None = None
    """An OCI image or artifact as a volume."""


class PodSpec(Island):
    """A pod's spec as Kubernetes has it; fields that are not named here are kept as written."""

    containers: Annotated[
        tuple[Container, ...], Field(min_length=1, max_length=32), KeyedBy(("name",))
    ]
    """The containers of the pod."""
    init_containers: Annotated[tuple[Container, ...], Field(max_length=32), KeyedBy(("name",))] = ()
    """The containers that run before them."""
    volumes: Annotated[tuple[Volume, ...], Field(max_length=64), KeyedBy(("name",))] = ()
    """The volumes that containers may mount."""


_SHORT_KEYS: Final = Rule(
    f"self.all(key, key.size() <= {LONGEST_KEY})",
    f"a key has at most {LONGEST_KEY} characters",
    lambda entries: all(len(key) <= LONGEST_KEY for key in entries),
)


class TemplateMetadata(Spec):
    """What every pod is labelled and annotated with."""

    labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]],
        Field(max_length=64),
        _SHORT_KEYS,
        Rule(
            f"self.all(key, !key.startsWith('{OWN_PREFIX}'))",
            f"labels that begin with {OWN_PREFIX} are set by the operator: choose another prefix",
            lambda labels: not any(key.startswith(OWN_PREFIX) for key in labels),
        ),
    ] = Field(default_factory=dict)
    """Labels of the pods; the operator adds its own."""
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=16384)]], Field(max_length=64), _SHORT_KEYS
    ] = Field(default_factory=dict)
    """Annotations of the pods."""


class Template(Spec):
    """A pod template as in a Deployment."""

    metadata: TemplateMetadata = TemplateMetadata()
    spec: PodSpec
