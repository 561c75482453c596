"""Looks the locked packages up in the database of known vulnerabilities: `python tools/audit.py LOCK_FILE...`.

Exit status 1 when a locked version has a known vulnerability, or the audit itself fails. Where the database cannot be asked (a
closed network), the advisories saved in `tools/advisories.json` are looked through instead, and it prints of which day they are.
They are saved by `python tools/audit.py --save FOLDER LOCK_FILE...` from a checkout of PyPA's advisory database, as far as they
are of locked packages.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

AUDIT = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json", "--timeout", "15"]
UNREACHABLE = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "Max retries exceeded", "ProxyError")
"""Errors of the HTTP library for an unreachable server."""
SAVED = Path(__file__).with_name("advisories.json")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)


def verdict(report: str, errors: str) -> tuple[str, int | None]:
    """What to print, and the exit status, for pip-audit's JSON `report` and stderr; no status where the database was not asked."""
    if not report.strip():
        reason = (errors.strip().splitlines() or ["no reason given"])[-1][:200]
        if any(sign in errors for sign in UNREACHABLE):
            return f"the database could not be asked ({reason})", None
        return f"KNOWN VULNERABILITIES: NOT CHECKED, the audit failed: {reason}", 1
    packages = json.loads(report)["dependencies"]
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        return f"the database knew none of {len(packages)} packages here", None
    findings = [
        _finding(package["name"], package["version"], flaw["id"], flaw["fix_versions"])
        for package in audited
        for flaw in package["vulns"]
    ]
    unknown = len(packages) - len(audited)
    summary = f"KNOWN VULNERABILITIES: {len(findings)} in {len(audited)} packages checked, {unknown} could not be"
    return "\n".join([*findings, summary]), int(bool(findings))


def saved_verdict(pins: dict[str, str], saved: dict[str, Any], today: date) -> tuple[str, int]:
    """What to print, and the exit status, for the saved advisories: their day is always told."""
    findings = [
        _finding(each["package"], pins[each["package"]], each["id"], each["fixed"])
        for each in saved["advisories"]
        if each["package"] in pins and _affects(each, pins[each["package"]])
    ]
    known = sum(name in saved["packages"] for name in pins)
    day = date.fromisoformat(saved["date"])
    later = f"; {len(pins) - known} were locked later" if known < len(pins) else ""
    summary = (
        f"KNOWN VULNERABILITIES: {len(findings)} in {known} packages, by the advisories of {day}, saved {(today - day).days} days"
        f" ago{later}. What became known since is NOT CHECKED"
    )
    return "\n".join([*findings, summary]), int(bool(findings))


def pins_of(lock: str) -> dict[str, str]:
    """The versions that a lock file pins, by the package's normal name."""
    return {_normal(name): version for name, version in _PIN.findall(lock)}


def save(folder: Path, lock_files: Sequence[str]) -> dict[str, Any]:
    """The advisories on the packages of `lock_files` in a checkout of PyPA's advisory database, and the day of its last change."""
    names = sorted({name for lock_file in lock_files for name in pins_of(Path(lock_file).read_text())})
    asked = ["git", "-C", str(folder), "log", "-1", "--format=%cs"]
    day = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    found = [each for name in names for each in _read(folder / "vulns" / name)]
    return {"date": day, "source": "https://github.com/pypa/advisory-database", "packages": names, "advisories": found}


def main(arguments: list[str]) -> int:
    """Audit each lock file, and return the worst exit status; with `--save FOLDER` save the advisories instead."""
    if arguments[:1] == ["--save"]:
        saved = save(Path(arguments[1]), arguments[2:])
        SAVED.write_text(json.dumps(saved, indent=1) + "\n")
        print(f"{SAVED}: {len(saved['advisories'])} advisories of {saved['date']}")
        return 0
    worst = 0
    for lock_file in arguments:
        done = subprocess.run([*AUDIT, "--requirement", lock_file], capture_output=True, text=True, check=False)
        message, status = verdict(done.stdout, done.stderr)
        if status is None:
            saved, today = json.loads(SAVED.read_text()), datetime.now(UTC).date()
            offline, status = saved_verdict(pins_of(Path(lock_file).read_text()), saved, today)
            message = f"{message}\n{offline}"
        print(f"{lock_file}: {message}")
        worst = max(worst, status)
    return worst


def _read(folder: Path) -> Iterator[dict[str, Any]]:
    """The advisories on one package that were not withdrawn: ranges of versions, or versions where there are none."""
    import yaml

    for path in sorted(folder.glob("*.yaml")):
        entry = yaml.safe_load(path.read_text())
        if "withdrawn" in entry:
            continue
        for affected in entry.get("affected", ()):
            ranges = [each["events"] for each in affected.get("ranges", ()) if each["type"] == "ECOSYSTEM"]
            fixed = [event["fixed"] for events in ranges for event in events if "fixed" in event]
            yield {"package": folder.name, "id": entry["id"], "ranges": ranges, "fixed": fixed} | (
                {} if ranges else {"versions": affected.get("versions", [])}
            )


def _affects(advisory: dict[str, Any], version: str) -> bool:
    return version in advisory.get("versions", ()) or any(_is_within(each, version) for each in advisory["ranges"])


def _is_within(events: Sequence[dict[str, str]], version: str) -> bool:
    """Whether a version lies in a range of OSV's schema: the last event at or before it decides."""
    ours, inside = Version(version), False
    for event in sorted(events, key=lambda each: _version(next(iter(each.values())))):
        [(kind, at)] = event.items()
        inside = kind == "introduced" if kind != "last_affected" and _version(at) <= ours else inside
        inside = inside and not (kind == "last_affected" and _version(at) < ours)
    return inside


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


def _finding(name: str, version: str, flaw: str, fixed: Sequence[str]) -> str:
    return f"{name} {version}: {flaw}, fixed in {', '.join(fixed) or 'no version yet'}"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
