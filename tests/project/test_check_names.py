"""The check that a name means one thing finds what it is there to find."""

import runpy
from pathlib import Path

import pytest

from tests import ROOT

problems = runpy.run_path(str(ROOT / "tools" / "check_names.py"))["problems"]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in {
        "grupa_pipeline/features/catalog.py": "class Feature: ...\n",
        "dash_app/data/users.py": "class User: ...\n",
        "dash_app/pages/users.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_names_that_mean_one_thing_pass(checkout: Path) -> None:
    assert problems(checkout, {}) == []


@pytest.mark.parametrize("body", ["class Feature: ...\n", "def f():\n    class Feature: ...\n"])
def test_a_class_name_that_stands_twice_is_named_with_its_places(checkout: Path, body: str) -> None:
    (checkout / "dash_app/data/users.py").write_text(body)
    [problem] = problems(checkout, {})
    assert "Feature" in problem
    assert "dash_app/data/users.py" in problem
    assert "grupa_pipeline/features/catalog.py:1" in problem


def test_a_module_name_that_stands_twice_is_named(checkout: Path) -> None:
    (checkout / "grupa_pipeline/storage").mkdir()
    (checkout / "grupa_pipeline/storage/catalog.py").touch()
    [problem] = problems(checkout, {})
    assert problem.startswith("catalog.py means 2 things")


def test_a_listed_name_passes_until_it_stands_in_one_place(checkout: Path) -> None:
    listed = {"catalog.py": "both are the catalogue of features"}
    (checkout / "dash_app/catalog.py").touch()
    assert problems(checkout, listed) == []
    (checkout / "dash_app/catalog.py").unlink()
    assert len(problems(checkout, listed)) == 1


def test_a_package_with_too_many_loose_modules_is_named(checkout: Path) -> None:
    for number in range(6):
        (checkout / f"dash_app/loose_{number}.py").touch()
    [problem] = problems(checkout, {})
    assert problem.startswith("dash_app has 6 modules in its root")
