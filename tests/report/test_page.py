"""The report as a page: one file, complete, and safe whatever the image calls things."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from reseal.errors import UsageError
from reseal.report import files, page
from tests.report.conftest import HOSTILE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed (apt install chromium)"
)


def parsed(text: str) -> Any:
    return html.document_fromstring(text)


def text_of(element: Any) -> str:
    return " ".join(element.text_content().split())


def test_it_tells_everything_that_the_record_holds(record: dict[str, Any]) -> None:
    tree = parsed(page.render(record))
    text = text_of(tree)
    for title in (
        "The image before and after", "Checks", "The image's own plan", "Changes", "Timings",
        "What was proved, and what was not",
    ):  # fmt: skip
        assert title in [text_of(one) for one in tree.iter("h2")]
    assert "Its next boot runs specialize, then OOBE." in text
    assert record["image"]["path"] in text
    for part in ("before", "after"):
        assert record[part]["identity"]["computer_name"] in text
        assert record[part]["identity"]["machine_guid"] in text
    targets = [text_of(row[1]) for row in tree.xpath("//section[@id='changes']//tbody/tr")]
    assert targets == [
        " ".join(one["target"].split())
        for provider in dict.fromkeys(one["provider"] for one in record["changes"])
        for one in record["changes"]
        if one["provider"] == provider
    ]
    for names in record["coverage"].values():
        assert all(name in text for name in names)
    assert all(note in text for note in record["notes"])
    assert len(tree.xpath("//*[local-name()='rect']")) == len(record["timings"]) - 1
    assert "The license is sealed" in text


def test_it_loads_nothing(record: dict[str, Any], hostile_record: dict[str, Any]) -> None:
    for one in (record, hostile_record):
        tree = parsed(page.render(one))
        loading = {"src", "href", "srcset", "data", "action", "formaction", "poster", "background"}
        for element in tree.iter():
            if not isinstance(element.tag, str):
                continue
            assert element.tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
            names = {str(name).lower() for name in element.attrib}
            assert not names & loading
            assert not {name for name in names if name.startswith("on")}
        style = "".join(one.text or "" for one in tree.iter("style"))
        assert not re.search(r"@import|url\(", style)
        (policy,) = tree.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy


def test_names_of_a_hostile_image_stay_text(hostile_record: dict[str, Any]) -> None:
    shown = page.render(hostile_record)
    tree = parsed(shown)
    assert len(list(tree.iter("script"))) == 1
    assert "document.title" not in next(iter(tree.iter("script"))).text
    assert "49" not in shown.split("Notes", 1)[1].split("</ul>")[0]
    text = text_of(tree)
    for one in HOSTILE[:4]:
        assert " ".join(one.split()) in text


@pytest.mark.parametrize("result", ["dry run", "already generalized"])
def test_other_outcomes_say_so(record: dict[str, Any], result: str) -> None:
    one = record | {"result": result, "written": None, "changes": [], "notes": []}
    one["summary"] = "The image was generalized already; nothing was changed."
    one["coverage"] = {name: [] for name in record["coverage"]}
    text = text_of(parsed(page.render(one)))
    assert ("nothing was written" if result == "dry run" else "nothing was changed") in text
    assert "The image has no plan of its own." in text


def test_values_are_shown_as_a_person_reads_them() -> None:
    shown = page._value
    assert shown(None) == "—"
    assert shown("") == "(empty)"
    assert shown([]) == "none"
    assert shown({"type": "REG_SZ", "data": "x"}) == "REG_SZ x"
    assert shown({"type": "REG_BINARY", "hex": "00" * 64, "length": 300}) == (
        "REG_BINARY " + "00" * 24 + "… (300 bytes)"
    )
    assert shown({"size": 4096}) == "file of 4.0 KiB"
    assert shown({"directory": True}) == "folder"
    assert len(shown("x" * 10_000)) < 500


def test_a_file_is_the_owners_and_has_a_known_suffix(
    record: dict[str, Any], tmp_path: Path
) -> None:
    for suffix in (".html", ".JSON"):
        path = tmp_path / f"report{suffix}"
        files.write(record, path)
        assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="not a known report format"):
        files.write(record, tmp_path / "report.pdf")
    with pytest.raises(UsageError, match="can't be written"):
        files.write(record, tmp_path / "none" / "report.html")


# In a real browser


def browse(path: Path, folder: Path, *arguments: str) -> str:
    assert CHROMIUM is not None
    command = [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", *arguments, path.as_uri()]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return done.stdout


@needs_chromium
def test_a_browser_runs_nothing_of_the_image(
    hostile_record: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "hostile.html"
    files.write(hostile_record, path)
    tree = parsed(browse(path, tmp_path, "--dump-dom"))
    assert "taken" not in (tree.findtext(".//title") or "").replace(
        hostile_record["image"]["path"], ""
    )
    assert not list(tree.iter("img"))


@needs_chromium
def test_search_and_sort_work_in_a_browser(record: dict[str, Any], tmp_path: Path) -> None:
    """The page's own script is run, then what it does is asked of the document."""
    probe = """
    search.value = "machineguid"; filter();
    const rows = [...document.querySelectorAll("#changes tbody tr")];
    document.title = rows.filter((row) => !row.hidden && !row.closest("details").hidden).length;
    search.value = ""; filter();
    const group = document.querySelector("#changes details[data-name=arm]");
    const button = group.querySelectorAll("th button")[1];
    button.click();
    const names = [...group.querySelectorAll("tbody tr")].map((row) => row.cells[1].textContent);
    document.title += " " + names.every((one, i) => !i || collator.compare(names[i - 1], one) <= 0);
    """
    # The policy allows the page's own script alone, so the probe becomes a part of it.
    original = page._source
    path = tmp_path / "page.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            page, "_source", lambda name: original(name) + (probe if name == "page.js" else "")
        )
        files.write(record, path)
    title = parsed(browse(path, tmp_path, "--dump-dom")).findtext(".//title")
    expected = sum(
        "machineguid" in f"{one['provider']} {one['target']} {one['before']}{one['after']}".lower()
        for one in record["changes"]
    )
    assert title == f"{expected} true"


@needs_chromium
@pytest.mark.parametrize("look", ["light", "dark", "phone", "paper", "print"])
def test_screenshots(record: dict[str, Any], tmp_path: Path, look: str, artefacts: Path) -> None:
    path = tmp_path / "page.html"
    files.write(record, path)
    if look == "print":
        output = artefacts / "report.pdf"
        browse(path, tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={output}")
        assert output.read_bytes().startswith(b"%PDF-")
        return
    output = artefacts / f"report-{look}.png"
    if look == "paper":
        # What the printer gets, as a picture: the style for paper, on the width of a sheet.
        text = page.render(record)
        style, own = page._source("page.css"), page._source("page.css").replace("print", "all")
        path.write_text(text.replace(style, own).replace(page._hash(style), page._hash(own)))
    size = {"phone": "500,4000", "paper": "794,3000"}.get(look, "1200,3600")
    extra = (
        ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if look == "dark" else []
    )
    browse(path, tmp_path, f"--window-size={size}", f"--screenshot={output}", *extra)
    assert output.read_bytes().startswith(b"\x89PNG")
