import mimetypes
import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import pytest

from dash_app.roadmap.store import Roadmap
from grupa.report.content import read_content
from grupa.report.page import Letterhead, write_page
from grupa.report.write import PdfUnavailableError, to_pdf, write_report
from grupa_pipeline.exports.formats import ReportFormat
from grupa_pipeline.exports.segments import UnknownSegmentError, UnknownSnapshotError
from grupa_pipeline.settings import SettingError, Settings
from tests.dash_app.planning.plans import a_plan
from tests.dash_app.synthetic import DAYS, KINDS
from tests.grupa.report.numbers import table_numbers

NOW = datetime(2026, 3, 10, 9)


class Reader(HTMLParser):
    """The numbers of a page with the values of their tables, and the text that is neither these, a date nor a quotation."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[float] = []
        self.plain = ""
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in ("meta", "img"):
            self.tags.append(tag)
        if tag == "data":
            self.values.append(float(dict(attrs)["value"] or ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"data", "q", "time", "style", "code", "svg", "title", "h1", "small"} & set(self.tags):
            self.plain += data


def page(folder: Path, **of: Any) -> str:
    return write_page(read_content(folder, **of), Letterhead(), NOW)


@pytest.mark.parametrize("cluster_id", [None, *KINDS])
def test_every_number_is_one_of_the_tables(small_written: Path, cluster_id: str | None) -> None:
    reader = Reader()
    reader.feed(page(small_written, cluster_id=cluster_id))
    with duckdb.connect(str((small_written / "grupa.duckdb").resolve()), read_only=True) as con:
        known = table_numbers(con, DAYS[1])
    assert len(reader.values) > 20
    assert [value for value in reader.values if round(value, 9) not in known] == []
    assert re.findall(r"\d+", reader.plain) == []


def test_a_page_holds_everything_and_runs_nothing(small_written: Path, tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    text = write_page(read_content(small_written), Letterhead.of(logo, "#AA0000"), NOW)
    reader = Reader()
    reader.feed(text)
    addresses = [value for name, value in reader.attributes if name in ("src", "href")]
    assert addresses and all((value or "").startswith("data:image/svg+xml;base64,") for value in addresses)
    assert "#AA0000" in text and "<script" not in text and "url(" not in text and "@import" not in text
    assert not [name for name, _ in reader.attributes if name.startswith("on")]


def test_texts_of_people_are_never_html(small_folder: Path) -> None:
    Roadmap(small_folder).rename_cluster("C01", "<img src=x onerror=alert(1)>", "ann")
    for cluster_id in (None, "C01"):
        assert "<img" not in page(small_folder, cluster_id=cluster_id)


def test_a_report_says_who_what_hurts_and_what_to_test(small_written: Path) -> None:
    text = page(small_written, cluster_id="C02")
    for part in ("Careful drafters", "Submitting takes long", "Autosave", "E-C02-hours_to_submit", "9 Mar 2026"):
        assert part in text
    assert "Window shoppers" not in text
    everything = page(small_written)
    assert all(name in everything for name, *_ in KINDS.values())


def test_plans_are_those_of_the_cluster_or_all(small_folder: Path) -> None:
    roadmap = Roadmap(small_folder)
    roadmap.add(a_plan(plan_id="p" * 12, name="Autosave drafts", cluster_id="C02"), "ann")
    assert "Autosave drafts" in page(small_folder, cluster_id="C02")
    assert "Autosave drafts" not in page(small_folder, cluster_id="C01")
    assert "Autosave drafts" in page(small_folder, roadmap_only=True)


def test_an_unknown_cluster_or_day_lists_those_there_are(small_written: Path) -> None:
    with pytest.raises(UnknownSegmentError, match=r"C01 \(Deal closers\)"):
        page(small_written, cluster_id="C99")
    with pytest.raises(UnknownSnapshotError, match="2026-03-09, 2026-03-08"):
        page(small_written, day=DAYS[0].replace(year=2020))


def test_a_logo_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    for path in (tmp_path / "secret.txt", tmp_path / "missing.png"):
        with pytest.raises(SettingError, match="GRUPA_REPORT_LOGO"):
            Letterhead.of(path, "#000000")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".jpeg", ".svg", ".webp", ".GIF"])
def test_every_kind_of_picture_that_is_promised_is_taken(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mimetypes, "guess_type", lambda name: (None, None))  # as on a machine without a list of types
    (logo := tmp_path / f"logo{suffix}").write_bytes(b"picture")
    assert (Letterhead.of(logo, "#000000").logo or "").startswith("data:image/")


def test_the_colour_of_reports_is_checked() -> None:
    assert Settings.from_env({"GRUPA_REPORT_COLOR": "#aa00FF"}).report_color == "#aa00FF"
    with pytest.raises(SettingError, match="GRUPA_REPORT_COLOR"):
        Settings.from_env({"GRUPA_REPORT_COLOR": "red; } body { display: none"})


@pytest.mark.slow
def test_a_report_is_written_as_pdf(small_written: Path, tmp_path: Path) -> None:
    settings = Settings(warehouse=small_written)
    try:
        path = write_report(settings, cluster_id="C01", file_format=ReportFormat.PDF, out=tmp_path / "r.pdf", now=NOW)
    except PdfUnavailableError as error:
        pytest.skip(str(error))
    assert path.read_bytes().startswith(b"%PDF-") and len(path.read_bytes()) > 5_000


@pytest.mark.slow
def test_a_pdf_reads_nothing_from_disk(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"secret")
    page = f'<p>x<img src="file://{tmp_path}/a.txt"><a rel=attachment href="file://{tmp_path}/a.txt">y</a>'
    try:
        written = to_pdf(page)
    except PdfUnavailableError as error:
        pytest.skip(str(error))
    assert b"/EmbeddedFile" not in written
