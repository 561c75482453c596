"""Freezes today's shape of both files beside this module: `python -m tests.grupa_pipeline.storage.released`.

A released file is never written again.
"""

from pathlib import Path

from dash_app.roadmap import schema as roadmap_schema
from grupa_pipeline.storage import schema
from tests.grupa_pipeline.storage.released.schemas import HOME, text_of


def main() -> None:
    for shape in (schema.CURRENT, roadmap_schema.CURRENT):
        path: Path = HOME / f"{Path(shape.file).stem}-{shape.version}.sql"
        if path.exists():
            raise SystemExit(f"{path} is released; give the new shape a step, and so a version of its own.")
        path.write_text(text_of(shape), encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
