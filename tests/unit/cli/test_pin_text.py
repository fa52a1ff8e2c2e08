"""Where references stand in a file, and how a digest is written behind them."""

import pytest

from lockstep.adapters.oci import Digest, Reference, Unresolved
from lockstep.api.base import is_pinned
from lockstep.cli.pin import Mistake, edit, find, wanted

DIGEST = Digest("sha256:" + "ab" * 32)
PINNED = f"@{DIGEST.text}"
HEAD = "apiVersion: lockstep.dev/v1alpha1\nkind: ModelDeployment\n"


def template(container: str) -> str:
    return f"{HEAD}spec:\n  template:\n    spec:\n      containers:\n{container}\n"


def model(artifact: str) -> str:
    return f"{HEAD}spec:\n  model:\n    artifact: {artifact}\n"


# What is written, with <> behind every reference that is to be pinned.
TEXTS: dict[str, str] = {
    "a plain scalar": model("r.test/m:1<>"),
    "a plain scalar with a comment behind it": model("r.test/m:1<>   # the model"),
    "double quotes": model('"r.test/m:1<>"'),
    "single quotes": model("'r.test/m:1<>'  # the model"),
    "an anchor before it": model("&model r.test/m:1<>"),
    "a tag before it": model("!!str r.test/m:1<>"),
    "a port and no tag": model("r.test:5000/m<>"),
    "a flow mapping": HEAD + "spec: {model: {version: 1.0.0, artifact: r.test/m:1<>}}",
    "JSON": '{"apiVersion": "lockstep.dev/v1alpha1", "kind": "ModelDeployment",\n'
    ' "spec": {"model": {"artifact": "r.test/m:1<>"}}}',
    "Windows line ends": model("r.test/m:1<> # é").replace("\n", "\r\n"),
    "a byte order mark": "\ufeff" + model("r.test/m:1<>"),
    "other letters before it": "# größer: 模型 🙂\n" + model("r.test/m:1<>"),
    "no line end": model("r.test/m:1<>").rstrip(),
    "containers": template("      - {name: a, image: r.test/a:1<>}\n      - image: r.test/b:1<>"),
    "init containers": HEAD + "spec: {template: {spec: {initContainers: [{image: r.test/a<>}]}}}",
    "image volumes": template(
        "      - name: a\n      volumes: [{image: {reference: r.test/a:1<>}}]"
    ),
    "every place at once": HEAD
    + "spec:\n  template:\n    spec:\n      volumes:\n      - image: {reference: r.test/v<>}\n"
    "      initContainers:\n      - image: r.test/i:1<>\n      containers:\n"
    "      - image: r.test/c<>\n"
    "  model: {artifact: 'r.test/m:2<>'}\n",
    "the same image twice": template("      - image: r.test/a:1<>\n      - image: r.test/a:1<>"),
    "an alias: written once, used twice": template(
        "      - &server {image: r.test/a:1<>}\n      - *server"
    ),
    "a merged mapping": HEAD
    + "x: &base {image: r.test/a:1<>}\nspec: {template: {spec: {containers: [{<<: *base}]}}}",
    "a merged list of mappings": HEAD + "x: [&one {name: a}, &two {image: r.test/a:1<>}]\n"
    "spec: {template: {spec: {containers: [{<<: [*one, *two]}]}}}",
    "an own value before the merged one": HEAD + "x: &base {image: r.test/a:1}\n"
    "spec: {template: {spec: {containers: [{<<: *base, image: r.test/b:1<>}]}}}",
    "several documents": f"{model('r.test/a:1<>')}---\n{model('r.test/b:1<>')}...\n---\n",
    "a list": "kind: List\nitems:\n- " + model("r.test/a:1<>").replace("\n", "\n  ").rstrip(" "),
    "pinned already": model(f"r.test/m:1{PINNED}"),
    "one pinned, one not": template(
        f"      - image: r.test/a:1{PINNED}\n      - image: r.test/b:1<>"
    ),
    "another kind": model("r.test/m:1").replace("ModelDeployment", "Deployment"),
    "another group": model("r.test/m:1").replace("lockstep.dev", "example.com"),
    "an image in an annotation": HEAD + "metadata: {annotations: {image: 'r.test/m:1'}}\n",
    "an image in a variable of a container": template("      - env: [{name: image, value: r/m:1}]"),
    "no image": template("      - image:\n      - image: ~\n      - image: ''\n      - name: a"),
    "shapes that are not ours": HEAD + "spec: {model: [artifact], template: {spec: {volumes: 1}}}",
    "nothing": "",
    "only a comment": "# nothing here\n---\n",
    "keys that are no scalars": model("r.test/m:1<>") + "  ? [a, b]\n  : c\n",
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_digest_is_written_behind_every_reference_and_nothing_else_changes(text: str) -> None:
    before, after = text.replace("<>", ""), text.replace("<>", PINNED)
    spots, mistakes = find(before)
    digests = {spot.image: DIGEST for spot in spots if not spot.is_pinned}
    assert (edit(before, spots, digests), mistakes) == (after, ())


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_second_time_there_is_nothing_to_do(text: str) -> None:
    after = text.replace("<>", PINNED)
    spots, _ = find(after)
    assert wanted(spots) == {}
    assert all(is_pinned(spot.image) for spot in spots)


def test_lines_are_counted_from_one() -> None:
    spots, _ = find(template("      - name: a\n        image: r.test/a:1\n      - image: b"))
    assert [(spot.line, spot.image) for spot in spots] == [(8, "r.test/a:1"), (9, "b")]


LINES = model("r.test/m:1").count("\n")
MISTAKES: dict[str, tuple[str, Mistake]] = {
    "a block scalar": (
        model(">-\n      r.test/m:1"),
        Mistake(5, "r.test/m:1 is written with escapes or over several lines; put it on one"),
    ),
    "escapes": (
        model(r'"r.test\u002fm:1"'),
        Mistake(5, "r.test/m:1 is written with escapes or over several lines; put it on one"),
    ),
    "two lines": (
        model("r.test/m:1\n      and more"),
        Mistake(
            5, "r.test/m:1 and more is written with escapes or over several lines; put it on one"
        ),
    ),
    "broken YAML": (
        model("[r.test/m:1"),
        Mistake(
            6, "this is not YAML: expected ',' or ']', but got '<stream end>'; correct it first"
        ),
    ),
    "a character that YAML does not know": (
        model("r.test/m:\x00"),
        Mistake(
            5, "this is not YAML: special characters are not allowed; correct it first"
        ),
    ),
    "a list in itself": (
        "kind: List\nitems: &a\n- kind: List\n  items: *a\n",
        Mistake(
            2, "what stands here contains itself by an alias, which no cluster can read; "
            "correct it first"
        ),
    ),
    "a map that is merged into itself": (
        f"{model('r.test/m:1')}---\n&self\nkind: x\n<<: *self\n",
        Mistake(
            LINES + 2, "what stands here contains itself by an alias, which no cluster can read; "
            "correct it first"
        ),
    ),
    "lists in lists in lists": (
        "[" * 1000, Mistake(1, "nests too deep to be read; is it a manifest?")
    ),
    "a template of another tool": (
        model("{{ .Values.image }}:{{ .Values.tag }}"),
        Mistake(
            5, "this is not YAML: expected <block end>, but found '<scalar>'; correct it first"
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "mistake"), MISTAKES.values(), ids=MISTAKES)
def test_what_cannot_be_edited_is_named_with_its_line(text: str, mistake: Mistake) -> None:
    assert find(text) == ((), (mistake,))


def test_what_many_aliases_name_is_looked_at_once() -> None:
    lists = ["a0: &a0 [{kind: List}]"]
    lists += [
        f"a{n}: &a{n} [{', '.join([f'{{kind: List, items: *a{n - 1}}}'] * 9)}]"
        for n in range(1, 30)
    ]
    merged = ["m0: &m0 {x: y}"]
    merged += [f"m{n}: &m{n} {{<<: [*m{n - 1}, *m{n - 1}, *m{n - 1}]}}" for n in range(1, 30)]
    text = "\n".join([*lists, *merged, "kind: List", "items: *a29", "<<: *m29", ""])
    assert find(text) == ((), ())


WANTED: dict[str, tuple[str, Reference | Unresolved]] = {
    "a tag": ("r.test/ml/fraud:2.4.0", Reference("r.test", "ml/fraud", "2.4.0")),
    "no tag": ("r.test/ml/fraud", Reference("r.test", "ml/fraud", "latest")),
    "half a digest": (
        "r.test/m@sha256:abc",
        Unresolved(
            "what follows the @ is not sha256: and 64 hex digits; correct or remove it"
        ),
    ),
    "a variable": (
        "$(IMAGE)",
        Unresolved("this is not an image reference such as host/name:tag"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("image", "asked"), WANTED.values(), ids=WANTED)
def test_what_is_asked_for(image: str, asked: Reference | Unresolved) -> None:
    spots, _ = find(model(f"'{image}'"))
    assert wanted(spots) == {image: asked}
