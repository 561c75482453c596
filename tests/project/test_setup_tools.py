"""The scripts behind `make`: what they say and do where something is missing."""

import json
import runpy
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from tests import ROOT

TOOLS = ROOT / "tools"
audit = runpy.run_path(str(TOOLS / "audit.py"))
verdict = audit["verdict"]


def run(script: str, *arguments: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a tool with only the programs in `path` and the few it cannot do without."""
    for program in ("sh", "id", "dirname", "rm", "env"):
        link = path / program
        if not link.exists():
            link.symlink_to(next(p for p in (Path("/usr/bin") / program, Path("/bin") / program) if p.exists()))
    return subprocess.run(
        [str(TOOLS / script), *arguments], env={"PATH": str(path)}, capture_output=True, text=True, check=False
    )


def program(path: Path, name: str, body: str) -> None:
    (path / name).write_text(f"#!/bin/sh\n{body}\n")
    (path / name).chmod(0o755)


def test_without_a_new_enough_python_it_says_what_to_install(tmp_path: Path) -> None:
    program(tmp_path, "python3", "exit 1")
    done = run("venv", str(tmp_path / "made"), path=tmp_path)
    assert done.returncode == 1
    assert "Grupa needs Python 3.11, 3.12 or 3.13" in done.stderr
    assert not (tmp_path / "made").exists()


@pytest.mark.slow
def test_an_old_python3_is_passed_over_for_a_newer_one(tmp_path: Path) -> None:
    program(tmp_path, "python3", "exit 1")
    (tmp_path / "python3.11").symlink_to(Path(sys.executable).resolve())
    program(tmp_path, "apt-get", "echo 'apt-get is not for tests' >&2; exit 1")
    done = run("venv", str(tmp_path / "made"), path=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "made" / "bin" / "pip").exists()


def test_an_environment_that_could_not_be_made_is_not_left_half_made(tmp_path: Path) -> None:
    # Answers yes to every question, then dies while making the environment.
    program(tmp_path, "python3", 'if [ "$1" = -m ]; then : > "$3.made"; exit 1; fi')
    done = run("venv", str(tmp_path / "made"), path=tmp_path)
    assert done.returncode == 1
    assert not (tmp_path / "made").exists()


def test_without_apt_it_says_what_to_install(tmp_path: Path) -> None:
    done = run("apt-install", "chromium", path=tmp_path)
    assert (done.returncode, done.stderr) == (1, "Please install with this system's package manager: chromium\n")


def test_without_the_right_to_install_it_says_what_to_type(tmp_path: Path) -> None:
    program(tmp_path, "id", "echo 1000")
    program(tmp_path, "apt-get", "exit 1")
    program(tmp_path, "sudo", "exit 1")
    done = run("apt-install", "chromium", path=tmp_path)
    assert (done.returncode, done.stderr) == (1, "Please ask for, or type: sudo apt-get install chromium\n")


def test_with_sudo_it_installs(tmp_path: Path) -> None:
    program(tmp_path, "id", "echo 1000")
    program(tmp_path, "sudo", f'echo "$@" >> {tmp_path}/asked')
    program(tmp_path, "apt-get", "exit 1")
    done = run("apt-install", "chromium", path=tmp_path)
    assert done.returncode == 0
    assert "apt-get install -qq -y --no-install-recommends chromium" in (tmp_path / "asked").read_text()


def test_tests_go_on_without_chromium_and_say_so(tmp_path: Path) -> None:
    done = run("chromium", path=tmp_path)
    assert done.returncode == 0
    assert "tests in a real browser will be SKIPPED" in done.stderr


def test_chromium_that_is_there_is_left_alone(tmp_path: Path) -> None:
    program(tmp_path, "chromium", "exit 1")
    program(tmp_path, "apt-get", f": > {tmp_path}/asked")
    done = run("chromium", path=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "asked").exists()


def test_tests_go_on_without_java_and_say_so(tmp_path: Path) -> None:
    done = run("java", path=tmp_path)
    assert done.returncode == 0
    assert "tests on a Spark cluster will be SKIPPED" in done.stderr


def test_java_that_is_there_is_left_alone(tmp_path: Path) -> None:
    program(tmp_path, "java", "exit 1")
    program(tmp_path, "apt-get", f": > {tmp_path}/asked")
    done = run("java", path=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "asked").exists()


def package(**more: object) -> dict[str, object]:
    return {"name": "some", "version": "1.0", **more}


def test_a_known_vulnerability_fails_and_is_named() -> None:
    flaw = {"id": "PYSEC-1", "fix_versions": ["1.1"]}
    report = json.dumps({"dependencies": [package(vulns=[flaw]), package(vulns=[]), package(skip_reason="unknown")]})
    said, status = verdict(report, "")
    assert status == 1
    assert "some 1.0: PYSEC-1, fixed in 1.1" in said
    assert "1 in 2 packages checked, 1 could not be" in said


@pytest.mark.parametrize(
    ("report", "errors", "reason"),
    [
        ("", "Traceback\nConnectionError: no route", "ConnectionError: no route"),
        (json.dumps({"dependencies": [package(skip_reason="not found")]}), "", "knew none of 1 packages"),
    ],
)
def test_of_a_database_that_cannot_be_asked_no_status_follows_and_the_reason_is_said(
    report: str, errors: str, reason: str
) -> None:
    said, status = verdict(report, errors)
    assert status is None
    assert reason in said


def saved(**advisory: object) -> dict[str, object]:
    entry = {"package": "some", "id": "PYSEC-1", "ranges": [], "fixed": []} | advisory
    return {"date": "2026-03-01", "packages": ["some", "other"], "advisories": [entry]}


def test_saved_advisories_say_of_which_day_they_are_and_what_is_not_checked() -> None:
    pins = audit["pins_of"]("some==1.0 \\\n  --hash=sha256:0\nNew_One[extra]==2 ; x\nother==3\n")
    assert pins == {"some": "1.0", "new-one": "2", "other": "3"}
    said, status = audit["saved_verdict"](pins, saved(), date(2026, 3, 31))
    assert status == 0
    assert "0 in 2 packages, by the advisories of 2026-03-01, saved 30 days ago; 1 were locked later" in said
    assert "What became known since is NOT CHECKED" in said


@pytest.mark.parametrize(
    ("version", "is_affected"),
    [("0.9", False), ("1.0", True), ("1.4", True), ("1.5", False), ("2.0", True), ("2.2", True), ("2.3", False)],
)
def test_a_saved_advisory_counts_within_its_ranges(version: str, is_affected: bool) -> None:
    ranges = [
        [{"introduced": "1.0"}, {"fixed": "1.5"}],
        [{"introduced": "2.0"}, {"last_affected": "2.2"}],
    ]
    said, status = audit["saved_verdict"]({"some": version}, saved(ranges=ranges, fixed=["1.5"]), date(2026, 3, 31))
    assert status == int(is_affected)
    assert (f"some {version}: PYSEC-1, fixed in 1.5" in said) == is_affected


def test_a_saved_advisory_without_ranges_names_versions() -> None:
    assert audit["saved_verdict"]({"some": "1.0"}, saved(versions=["1.0"]), date(2026, 3, 31))[1] == 1


def test_the_saved_advisories_can_be_read() -> None:
    found = json.loads(audit["SAVED"].read_text())
    locked = audit["pins_of"]((TOOLS.parent / "requirements.lock").read_text())
    assert len(found["advisories"]) > 100 and "flask" in found["packages"]
    assert audit["saved_verdict"](locked, found, date.fromisoformat(found["date"]))[1] == 0


def test_nothing_found_is_no_failure() -> None:
    said, status = verdict(json.dumps({"dependencies": [package(vulns=[])]}), "")
    assert (said, status) == ("KNOWN VULNERABILITIES: 0 in 1 packages checked, 0 could not be", 0)


@pytest.mark.parametrize("errors", ["", "ValueError: hashes are missing"])
def test_an_audit_that_fails_for_another_reason_fails(errors: str) -> None:
    said, status = verdict("", errors)
    assert status == 1
    assert "the audit failed: " + (errors or "no reason given") in said


@pytest.mark.slow
def test_a_missing_lock_file_is_a_failure_in_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(TOOLS / "audit.py"), str(tmp_path / "none.lock")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "none.lock" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
