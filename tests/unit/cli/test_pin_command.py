"""The command as people run it, with a registry that knows every tag."""

import stat
from pathlib import Path
from typing import Self

import pytest

from lockstep.adapters.oci import Digest, Reference, Resolution, Unresolved
from lockstep.api.base import HOW_TO_PIN
from lockstep.cli import pin
from lockstep.cli.main import main

DIGEST = "sha256:" + "ab" * 32
BEFORE = (
    "# the model\napiVersion: lockstep.dev/v1alpha1\nkind: ModelDeployment\n"
    "spec:\n  model: {artifact: r.test/m:1}   # moves\n"
)
AFTER = BEFORE.replace("m:1", f"m:1@{DIGEST}")


class Registry:
    """In place of the client: knows everything but what is called missing."""

    asked: list[Reference]

    def __init__(self, *, user_agent: str, plain_http: frozenset[str], logins: str) -> None:
        self.asked = []
        self.told = (user_agent, plain_http, logins)
        made.append(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def resolve(self, reference: Reference) -> Resolution:
        self.asked.append(reference)
        missing = reference.repository == "missing"
        return Unresolved("r.test has no such thing; push it") if missing else Digest(DIGEST)


made: list[Registry] = []


@pytest.fixture(autouse=True)
def _a_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made.clear()
    monkeypatch.setattr(pin, "RegistryClient", Registry)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fraud.yaml"
    path.write_text(BEFORE)
    return path


def test_tags_become_digests_in_place(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pin", str(file)]) == 0
    assert file.read_text() == AFTER
    assert capsys.readouterr().out == (
        f"{file}:5: r.test/m:1@{DIGEST}\n{file}: 1 pinned, 0 pinned already\n"
    )


def test_a_second_time_nobody_is_asked(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["pin", str(file)])
    inode = file.stat().st_ino
    capsys.readouterr()
    assert main(["pin", str(file)]) == 0
    assert made[-1].asked == []
    assert file.stat().st_ino == inode
    assert capsys.readouterr().out == f"{file}: 0 pinned, 1 pinned already\n"


def test_an_image_is_asked_for_once(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(f"{BEFORE}---\n{BEFORE}")
    assert main(["pin", str(file), str(other)]) == 0
    assert made[-1].asked == [Reference("r.test", "m", "1")]
    assert other.read_text() == f"{AFTER}---\n{AFTER}"


def test_a_file_with_a_mistake_stays_as_it_is_and_others_do_not(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.yaml"
    text = f"{BEFORE}---\n{BEFORE.replace('r.test/m', 'r.test/missing')}"
    broken.write_text(text)
    assert main(["pin", str(broken), str(file)]) == 1
    assert broken.read_text() == text
    assert file.read_text() == AFTER
    said = f"{broken}:11: r.test/missing:1: r.test has no such thing; push it\n"
    assert capsys.readouterr().err == said


def test_check_asks_nobody_and_changes_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pin", "--check", str(file)]) == 1
    assert file.read_text() == BEFORE
    assert made == []
    assert capsys.readouterr().err == f"{file}:5: r.test/m:1: {HOW_TO_PIN}\n"


def test_check_is_content_with_digests(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(AFTER)
    assert main(["pin", "--check", str(file)]) == 0
    assert capsys.readouterr() == ("", "")


def test_what_was_said_about_registries_is_handed_on(file: Path, tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "config.json").write_text('{"auths": {}}')
    main(["pin", str(file), "--plain-http", "a.test:5000", "--plain-http", "b.test"])
    assert made[-1].told[1:] == (frozenset({"a.test:5000", "b.test"}), '{"auths": {}}')


def test_mode_and_link_are_kept_and_nothing_is_left_behind(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    before = set(tmp_path.iterdir())
    assert main(["pin", str(link)]) == 0
    assert link.is_symlink()
    assert file.read_text() == AFTER
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert set(tmp_path.iterdir()) == before


UNREADABLE: dict[str, tuple[bytes | None, str]] = {
    "no such file": (None, "cannot be read: No such file or directory"),
    "another encoding": (b"\xff\xfe", "cannot be read: it is not UTF-8"),
}


@pytest.mark.parametrize(("content", "why"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, why: str
) -> None:
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    for arguments in (["pin", str(path)], ["pin", "--check", str(path)]):
        assert main(arguments) == 1
        assert capsys.readouterr().err == f"{path}: {why}\n"


def test_a_folder_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pin", str(tmp_path)]) == 1
    assert capsys.readouterr().err == f"{tmp_path}: cannot be read: Is a directory\n"


def test_what_cannot_be_written_stays_as_it_is(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path, __: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    assert main(["pin", str(file)]) == 1
    assert file.read_text() == BEFORE
    assert [path.name for path in file.parent.iterdir()] == ["fraud.yaml"]
    said = f"{file}: cannot be written: No space left on device\n"
    assert capsys.readouterr().err == said


def test_a_command_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err
