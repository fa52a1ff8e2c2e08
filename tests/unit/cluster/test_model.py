"""A cluster's own words about itself."""

from pathlib import Path

from tests.cluster import Cluster


def test_an_audit_log_that_was_put_aside_when_full_is_read_first(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    (log / "audit.log").write_text("5\n6\n")
    (log / "audit-2026-11-21T14-43-08.487.log").write_text("3\n4\n")
    (log / "audit-2026-11-21T14-01-00.001.log").write_text("1\n2\n")
    cluster = Cluster("local", tmp_path / "kubeconfig", "", "", tmp_path)
    assert [line.strip() for line in cluster.audit_lines()] == ["1", "2", "3", "4", "5", "6"]
