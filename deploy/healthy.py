"""Exits with 0 when the app on the given port says that it can serve; for health checks of containers, which have no curl."""

import sys
import urllib.request


def main() -> int:
    """Ask `/healthz`, which needs no session and no prefix."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{int(sys.argv[1])}/healthz", timeout=4) as answer:
            return int(answer.status != 200)
    except OSError:
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
