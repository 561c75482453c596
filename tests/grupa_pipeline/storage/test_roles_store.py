"""The roles file is written atomically, keeps its history, and says what to do where it may not be written."""

import os
from pathlib import Path

import pytest

from grupa_pipeline.event_catalog.roles_edit import RolesEdit
from grupa_pipeline.settings import Settings
from grupa_pipeline.storage import roles_store, run_request
from grupa_pipeline.storage.roles_store import RolesNotWritableError, edit_file, load_roles

GOAL = RolesEdit({"done": {"role": "goal"}})


def test_a_file_is_created_and_its_former_versions_are_kept(tmp_path: Path) -> None:
    settings = Settings(warehouse=tmp_path / "warehouse")
    assert load_roles(settings).assign(["done"]) == {}
    edit_file(settings, GOAL)
    assert load_roles(settings).assign(["done"]) == {"done": "goal"}, "also by a process that was there before the file"
    edit_file(settings, GOAL)
    edit_file(settings, RolesEdit({"done": {"role": "help"}}))
    [former] = (settings.warehouse / "roles-history").iterdir()
    assert 'role = "goal"' in former.read_text() and 'role = "help"' in settings.default_roles_file.read_text()
    assert [path.name for path in settings.warehouse.glob(".roles.toml*")] == []


def test_the_named_file_is_edited_where_a_link_leads(tmp_path: Path) -> None:
    target = tmp_path / "kept" / "ours.toml"
    target.parent.mkdir()
    target.write_text("# ours\n")
    link = tmp_path / "roles.toml"
    link.symlink_to(target)
    edit_file(Settings(warehouse=tmp_path / "warehouse", roles_file=link), GOAL)
    assert link.is_symlink() and target.read_text().startswith("# ours\n") and "goal" in target.read_text()


def test_a_file_that_may_not_be_written_stays_and_the_lines_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mounted.toml"
    path.write_text("[outcomes]\ngood = []\n")

    def refuse(source: object, target: object) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(roles_store.os, "replace", refuse)
    with pytest.raises(RolesNotWritableError, match="Add these lines") as error:
        edit_file(Settings(warehouse=tmp_path / "warehouse", roles_file=path), GOAL)
    assert error.value.lines == '[actions.done]\nrole = "goal"\n'
    assert path.read_text() == "[outcomes]\ngood = []\n" and [p.name for p in tmp_path.glob(".mounted*")] == []


def test_a_request_is_taken_once(tmp_path: Path) -> None:
    assert run_request.take_request(tmp_path) is None
    run_request.request_run(tmp_path)
    assert run_request.requested_at(tmp_path)
    assert run_request.take_request(tmp_path) and run_request.take_request(tmp_path) is None
