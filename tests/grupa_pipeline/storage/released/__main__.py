"""Freezes today's schema of both files beside this module: `python -m tests.grupa_pipeline.storage.released`.

A released file is never written again.
"""

from pathlib import Path

from dash_app.roadmap import schema as roadmap_schema
from grupa_pipeline.storage import schema
from tests.grupa_pipeline.storage.released.schemas import HOME, ddl_of_version


def main() -> None:
    for current in (schema.CURRENT, roadmap_schema.CURRENT):
        path: Path = HOME / f"{Path(current.file).stem}-{current.version}.sql"
        if path.exists() and path.read_text(encoding="utf-8") == ddl_of_version(current):
            continue
        if path.exists():
            raise SystemExit(
                f"{path} is released; add a migration step, which gives the new schema a version of its own."
            )
        path.write_text(ddl_of_version(current), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
