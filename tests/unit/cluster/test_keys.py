"""Work is skipped only when nothing that goes into it has changed."""

import itertools
import threading
from pathlib import Path

import pytest

from tests.cluster import go_tools
from tests.cluster.errors import ClusterError
from tests.cluster.go_tools import (
    LOCAL,
    TOOLS,
    TOOLS_BY_NAME,
    home,
    linker_flags,
    module,
    numbers,
    version,
)
from tests.cluster.images import _staged, content_key
from tests.cluster.model import cache_folder, state_folder
from tests.cluster.packages import Package, missing
from tests.cluster.wheels import foreign_platform

GO_MOD = "module x\n\ngo 1.26.0\n\nrequire go.etcd.io/etcd/server/v3 v3.6.8\n"
ETCD = TOOLS_BY_NAME["etcd"]


def test_a_program_is_built_again_when_its_sums_change() -> None:
    assert home(ETCD, GO_MOD, "a") != home(ETCD, GO_MOD, "b")
    assert home(ETCD, GO_MOD, "a") == home(ETCD, GO_MOD, "a")
    assert home(ETCD, GO_MOD, "a").startswith("etcd-v3.6.8-")


def test_a_program_of_our_own_is_built_again_when_its_source_changes() -> None:
    assert home(ETCD, GO_MOD, "a", "main") != home(ETCD, GO_MOD, "a", "other")


@pytest.mark.parametrize("name", TOOLS_BY_NAME)
def test_every_tool_is_pinned_with_its_sums(name: str) -> None:
    tool = TOOLS_BY_NAME[name]
    go_mod = (TOOLS / tool.family / "go.mod").read_text()
    go_sum = (TOOLS / tool.family / "go.sum").read_text()
    assert tool.package == "." or tool.package.startswith(module(go_mod))
    assert f"{module(go_mod)} {version(go_mod)} h1:" in go_sum


def test_a_local_cluster_does_not_build_what_only_the_benchmark_runs() -> None:
    assert "rollouts-controller" in TOOLS_BY_NAME
    assert "rollouts-controller" not in LOCAL


def test_kubernetes_programs_know_their_version() -> None:
    flags = linker_flags("kubernetes", "v1.36.3")
    assert "-X k8s.io/component-base/version.gitVersion=v1.36.3" in flags
    assert "-X k8s.io/client-go/pkg/version.gitMinor=36" in flags
    assert linker_flags("etcd", "v3.6.8") == "-s -w"


def test_what_takes_longest_is_built_first_and_a_family_after_one_another() -> None:
    begun, *others = go_tools.families(name for name in LOCAL if not go_tools.needs_c(name))
    assert begun[0] == "kube-apiserver"
    assert [names[0] for names in others] == ["prometheus", "containerd", "coredns", "etcd"]
    assert sorted([*begun, *itertools.chain(*others)]) == sorted({*LOCAL} - {"runc"})


def test_two_families_are_built_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(go_tools, "memory", lambda: 16 << 30)
    both, built = threading.Barrier(go_tools.SIDE_BY_SIDE, timeout=5), []

    def build(_: Path, tool: go_tools.Tool, *__: object) -> None:
        if tool.name in {"kube-apiserver", "prometheus"}:
            both.wait()
        built.append(tool.name)

    monkeypatch.setattr(go_tools, "_build", build)
    monkeypatch.setattr(go_tools, "find_go", lambda: Path("go"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    go_tools.ensure(["etcd", "kubectl", "prometheus", "kube-apiserver"])
    assert built.index("kube-apiserver") > built.index("kubectl")
    assert {*built} == {"etcd", "kubectl", "prometheus", "kube-apiserver"}


def test_a_machine_with_little_memory_builds_one_thing_at_a_time() -> None:
    assert [go_tools.lanes(gib << 30) for gib in (2, 4, 7, 8, 64)] == [1, 1, 1, 2, 2]


def test_nothing_more_is_begun_after_a_build_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def build(_: Path, tool: go_tools.Tool, *__: object) -> None:
        begun.append(tool.name)
        raise ClusterError(f"building {tool.name} failed: no space left")

    monkeypatch.setattr(go_tools, "_build", build)
    monkeypatch.setattr(go_tools, "find_go", lambda: Path("go"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ClusterError, match="no space left"):
        go_tools.ensure(name for name in LOCAL if not go_tools.needs_c(name))
    assert len(begun) <= go_tools.SIDE_BY_SIDE


TRANSIENT: dict[str, tuple[str, bool]] = {
    "a slow registry": ("go: downloading x\nnet/http: TLS handshake timeout", True),
    "a gateway's bad moment": ("reading x: 502 Bad Gateway", True),
    "a download cut short": ("x: unexpected EOF", True),
    "a mistake in the source": ("x.go:12:3: undefined: y", False),
    "a sum that differs": ("verifying x: checksum mismatch", False),
}


@pytest.mark.parametrize(("said", "again"), TRANSIENT.values(), ids=TRANSIENT)
def test_only_a_bad_moment_is_tried_again(said: str, again: bool) -> None:  # noqa: FBT001 - a row
    assert bool(go_tools.TRANSIENT.search(said)) is again


def test_an_unknown_program_is_refused() -> None:
    with pytest.raises(ClusterError, match="etc is not one of etcd, kube-apiserver"):
        go_tools.ensure(["etc"])


def test_versions_compare_as_numbers() -> None:
    assert numbers("1.9.10") < numbers("1.26") <= numbers("1.26.0")


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    (folder / "app").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "app" / "main.py").write_text("print(1)\n")
    return folder


def test_an_image_is_built_again_when_content_name_mode_or_argument_changes(context: Path) -> None:
    keys = [content_key(context, {})]
    keys.append(content_key(context, {"BASE_IMAGE": "a@sha256:0"}))
    (context / "app" / "main.py").write_text("print(2)\n")
    keys.append(content_key(context, {}))
    (context / "app" / "main.py").chmod(0o755)
    keys.append(content_key(context, {}))
    (context / "app" / "main.py").rename(context / "app" / "other.py")
    keys.append(content_key(context, {}))
    assert len(set(keys)) == len(keys)


def test_an_image_is_not_built_again_for_caches_or_umasks(context: Path, tmp_path: Path) -> None:
    with _staged(tmp_path, context, {}, None) as stage:
        before = content_key(stage, {})
    (context / "app" / "__pycache__").mkdir()
    (context / "app" / "__pycache__" / "main.pyc").write_text("x")
    (context / "app" / "main.py").chmod(0o600)
    with _staged(tmp_path, context, {}, None) as stage:
        assert content_key(stage, {}) == before
        assert (stage / "app" / "main.py").stat().st_mode & 0o777 == 0o644


def test_files_are_put_into_the_context_under_their_names(context: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe"
    recipe.write_text("FROM other\n")
    with _staged(tmp_path, None, {"code/app": context / "app"}, recipe) as stage:
        names = sorted(str(file.relative_to(stage)) for file in stage.rglob("*") if file.is_file())
        assert names == ["Dockerfile", "code/app/main.py"]
        assert (stage / "Dockerfile").read_text() == "FROM other\n"


def test_folders_follow_the_users_settings() -> None:
    home_only = {"HOME": "/home/a"}
    assert state_folder(home_only) == Path("/home/a/.local/state/lockstep/cluster")
    assert cache_folder(home_only) == Path("/home/a/.cache/lockstep")
    assert state_folder({**home_only, "XDG_STATE_HOME": "/s"}) == Path("/s/lockstep/cluster")
    assert state_folder({**home_only, "LOCKSTEP_CLUSTER_STATE": "/x"}) == Path("/x")
    assert cache_folder({**home_only, "XDG_CACHE_HOME": "/c"}) == Path("/c/lockstep")


def test_only_packages_without_their_proof_are_missing() -> None:
    here, gone = Package("shell", "sh"), Package("nothing", "no-such-program-anywhere")
    assert missing([here, gone, Package("file", "/no/such/file")]) == ["nothing", "file"]


PLATFORMS: dict[str, tuple[tuple[int, int], str, str, bool]] = {
    "this machine's wheels fit": ((3, 11), "Linux", "x86_64", False),
    "another Python's do not": ((3, 13), "Linux", "x86_64", True),
    "another system's do not": ((3, 11), "Darwin", "arm64", True),
}


@pytest.mark.parametrize(
    ("python", "system", "machine", "foreign"), PLATFORMS.values(), ids=PLATFORMS
)
def test_wheels_are_fetched_for_the_image(
    python: tuple[int, int],
    system: str,
    machine: str,
    foreign: bool,  # noqa: FBT001 - a row
) -> None:
    told = foreign_platform(python, system, machine)
    assert bool(told) is foreign
    assert not foreign or "--python-version=3.11" in told
