"""Looks the locked packages up in the database of known vulnerabilities: `python tools/audit.py LOCK_FILE...`.

Exit status 1 when a locked version has a known vulnerability, or the audit itself fails. Where the database is
unreachable (a closed network), it prints that nothing was checked and exits 0: no network is no finding.
"""

import json
import subprocess
import sys

AUDIT = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format", "json", "--timeout", "15"]
UNREACHABLE = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "Max retries exceeded", "ProxyError")
"""Errors of the HTTP library for an unreachable server."""


def verdict(report: str, errors: str) -> tuple[str, int]:
    """What to print, and the exit status, for pip-audit's JSON `report` and its stderr."""
    if not report.strip():
        reason = (errors.strip().splitlines() or ["no reason given"])[-1][:200]
        if any(sign in errors for sign in UNREACHABLE):
            return f"KNOWN VULNERABILITIES: NOT CHECKED, the database could not be asked ({reason})", 0
        return f"KNOWN VULNERABILITIES: NOT CHECKED, the audit failed: {reason}", 1
    packages = json.loads(report)["dependencies"]
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        return f"KNOWN VULNERABILITIES: NOT CHECKED, the database knew none of {len(packages)} packages here", 0
    findings = [
        f"{package['name']} {package['version']}: {flaw['id']}, fixed in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for package in audited
        for flaw in package["vulns"]
    ]
    unknown = len(packages) - len(audited)
    summary = f"KNOWN VULNERABILITIES: {len(findings)} in {len(audited)} packages checked, {unknown} could not be"
    return "\n".join([*findings, summary]), int(bool(findings))


def main(lock_files: list[str]) -> int:
    """Audit each of `lock_files`, and return the worst exit status."""
    worst = 0
    for lock_file in lock_files:
        done = subprocess.run([*AUDIT, "--requirement", lock_file], capture_output=True, text=True, check=False)
        message, status = verdict(done.stdout, done.stderr)
        print(f"{lock_file}: {message}")
        worst = max(worst, status)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
