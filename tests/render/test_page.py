"""The page as a reader and as a browser see it."""

import html
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from helpers.browser import CHROMIUM, WatchedPage, open_browser, open_page
from helpers.made_runs import WriteRun, made_run
from helpers.made_sweep import make_sweep
from yolograft.analysis.collect import collect
from yolograft.analysis.comparison import Comparison, compare
from yolograft.render.page import write_page
from yolograft.render.summary import sentences
from yolograft.render.table import table

TRACEBACK = 'Traceback (most recent call last):\n  File "train.py"\nRuntimeError: <b>no</b> & never'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three backbones × two necks × three seeds, one run failed with a message that is no HTML."""
    folder = make_sweep(tmp_path_factory.mktemp("page") / "cells & co", backbones=("yolo11", "effv1", "mbv3"), epochs=5)
    failed = next(folder.glob("mbv3_gsconv_n_seed2*")) / "run.json"
    error = f'"error": {{"type": "RuntimeError", "message": "<b>no</b> & never", "traceback": {_json(TRACEBACK)}}}'
    text = failed.read_text(encoding="utf-8").replace('"error": null', error)
    failed.write_text(text.replace('"status": "finished"', '"status": "failed"'), encoding="utf-8")
    write_page(table(compare(collect([folder]))), folder)
    return folder


def _json(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class Reader(HTMLParser):
    """Checks that tags are closed in order, and gathers what tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input", "br", "link", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    return Reader(text).tags


def test_the_page_needs_nothing_but_itself(text: str, tags: list[tuple[str, dict[str, str | None]]]) -> None:
    assert "default-src 'none'" in text
    links = [value for _, found in tags for key, value in found.items() if key in ("href", "src", "xlink:href")]
    assert links
    assert not [link for link in links if not (link or "").startswith(("#", "data:image/jpeg;base64,"))]
    assert not re.findall(r"@import|url\((?!#)", text)


def test_ids_are_told_apart_and_every_link_within_the_page_has_its_end(
    tags: list[tuple[str, dict[str, str | None]]],
) -> None:
    ids = [found["id"] for _, found in tags if "id" in found]
    assert len(ids) == len(set(ids))
    links = {value for _, found in tags for key, value in found.items() if key in ("href", "xlink:href")}
    assert {link[1:] for link in links if link and link.startswith("#")} <= set(ids)


def test_pictures_tables_and_controls_say_what_they_are(tags: list[tuple[str, dict[str, str | None]]]) -> None:
    names = [tag for tag, _ in tags]
    assert names.count("table") == names.count("caption")
    assert [tag for tag in names if tag in ("h1", "h2")][:2] == ["h1", "h2"]
    assert names.count("h1") == 1
    assert not [found for tag, found in tags if tag == "svg" and not found.get("aria-label")]
    assert not [found for tag, found in tags if tag == "th" and "scope" not in found]
    assert [found["lang"] for tag, found in tags if tag == "html"] == ["en"]


def test_a_failed_run_is_there_with_its_traceback_as_text(text: str) -> None:
    assert html.escape(TRACEBACK, quote=False) in text.replace("&#34;", '"')
    assert "<b>no</b>" not in text
    assert "cells &amp; co" in text


def test_each_variant_tells_in_what_it_differs_from_its_baseline(folder: Path, text: str) -> None:
    start = text.index("<strong>effv1 + gsconv</strong>")
    detail = text[start : text.index("</details>", start)]
    rows = re.findall(
        r'<th scope="row">([^<]+)</th><td class="text path">([^<]*)</td><td class="text path">([^<]*)', detail
    )
    assert rows == [("backbone", "effv1", "yolo11"), ("neck", "gsconv", "conv")]
    assert len(re.findall(r'<th scope="row">effv1_gsconv_n_seed\d', detail)) == 3
    assert "This is a baseline" in text


@pytest.fixture
def one_seed() -> Comparison:
    return compare([made_run(0.5), made_run(0.6, neck="gsconv")])


def test_in_short_nothing_is_said_about_chance_with_one_seed(one_seed: Comparison) -> None:
    counts, best, chance = sentences(one_seed)
    assert counts == "2 variants, 2 runs: all finished."
    assert best == "The highest mean mAP50-95 is 0.600 (1 seed): gsconv."
    assert chance.startswith("No difference to the baseline can be tested yet")


def test_in_short_what_cannot_be_told_is_not_called_equal() -> None:
    stock = [made_run(value, seed=seed) for seed, value in enumerate((0.500, 0.510, 0.490))]
    better = [made_run(value, neck="gsconv", seed=seed) for seed, value in enumerate((0.520, 0.531, 0.509))]
    unclear = [made_run(value, neck="slim", seed=seed) for seed, value in enumerate((0.400, 0.560, None))]
    counts, _, told = sentences(compare([*stock, *better, *unclear]))
    assert counts == "3 variants, 9 runs: 8 finished, 1 failed."
    assert told.startswith("1 of 2 differences to the baseline are significant; better: gsconv (+0.020).")
    assert told.endswith("The others are undecided: they may be better, worse or the same.")
    assert "That does not mean equal" in sentences(compare([*stock, *unclear]))[-1]


def test_in_short_nothing_is_compared_without_a_finished_run() -> None:
    assert sentences(compare([made_run(None)]))[1:] == ["No run has finished yet: there is nothing to compare."]


def test_a_sweep_of_all_sorts_has_a_page(sweep: Path) -> None:
    write_page(table(compare(collect([sweep]))), sweep)
    text = (sweep / "report.html").read_text(encoding="utf-8")
    Reader(text)
    for name in ("mbv3_gsconv_n_seed0", "effv2_conv_n_seed0", "effv2_gsconv_n"):
        assert f"<strong>{name}</strong>" in text
    assert "no room for | 2 GiB" in text


def test_a_sweep_without_a_finished_run_has_a_page(tmp_path: Path, write_run: WriteRun) -> None:
    write_run(tmp_path / "sweep" / "only", status="running", metrics={})
    folder = tmp_path / "sweep"
    assert [path.name for path in write_page(table(compare(collect([folder]))), folder)] == ["report.html"]
    assert "No run has finished yet" in (folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser: Browser, folder: Path) -> Iterator[WatchedPage]:
    with open_page(browser) as page:
        page.look(1280)
        page.open(folder / "report.html")
        yield page


LABELS = "[...document.querySelectorAll('#variants tbody tr:not([hidden]) th')].map(cell => cell.textContent)"


def heading(key: str) -> str:
    return f"document.querySelector('#variants th[data-key=\"{key}\"]')"


def test_the_browser_finds_no_fault_and_asks_for_nothing(page: WatchedPage, folder: Path) -> None:
    assert page.complaints == []
    assert [request for request in page.requests if not request.startswith("data:")] == [
        (folder / "report.html").resolve().as_uri()
    ]
    assert page.run("performance.getEntriesByType('resource').filter(one => !one.name.startsWith('data:')).length") == 0


def test_what_a_page_complains_of_is_seen(browser: Browser, tmp_path: Path) -> None:
    page_file = tmp_path / "faulty.html"
    page_file.write_text("<img src=gone.png><script>console.warn('careful'); nothing.there</script>")
    with open_page(browser) as page:
        page.open(page_file)
        assert {request.rpartition("/")[2] for request in page.requests} == {"faulty.html", "gone.png"}
        for said in ("careful", "nothing is not defined", "ERR_FILE_NOT_FOUND"):
            assert any(said in complaint for complaint in page.complaints), page.complaints


def test_a_heading_sorts_and_says_so_also_by_keyboard(page: WatchedPage) -> None:
    key = "params"
    column = f"row.cells[{heading(key)}.cellIndex]"
    values = f"[...document.querySelectorAll('#variants tbody tr')].map(row => +{column}.dataset.value)"
    page.run(f"{heading(key)}.firstElementChild.click()")
    assert page.run(f"{heading(key)}.getAttribute('aria-sort')") == "ascending"
    assert page.run(values) == sorted(page.run(values))
    page.run(f"{heading(key)}.firstElementChild.focus()")
    page.page.keyboard.press("Enter")
    assert page.run(f"{heading(key)}.getAttribute('aria-sort')") == "descending"
    assert page.run(values) == sorted(page.run(values), reverse=True)
    page.run("document.querySelector('#variants th button').click()")
    assert page.run(LABELS) == sorted(page.run(LABELS))
    sorted_by = (
        "[...document.querySelectorAll('#variants th[aria-sort]')].filter(one => one.ariaSort !== 'none').length"
    )
    assert page.run(sorted_by) == 1


def fill(page: WatchedPage, field: str, value: str) -> None:
    page.run(f"(field => {{ field.value = '{value}'; field.dispatchEvent(new Event('input', {{bubbles: true}})); }})"
             f"(document.querySelector('{field}'))")  # fmt: skip


def test_what_is_unknown_comes_last_both_ways(page: WatchedPage) -> None:
    baseline = "document.querySelector('#variants tbody tr.baseline').rowIndex"
    for _ in range(2):
        page.run(f"{heading('difference')}.firstElementChild.click()")
        assert page.run(baseline) == 6


def test_words_and_choices_filter_the_rows(page: WatchedPage) -> None:
    fill(page, 'select[data-group="1"]', "gsconv")
    assert sorted(page.run(LABELS)) == ["effv1 + gsconv", "mbv3 + gsconv", "yolo11 + gsconv"]
    fill(page, "#words", "EFF failed")
    assert page.run(LABELS) == []
    fill(page, "#words", "failed")
    assert page.run(LABELS) == ["mbv3 + gsconv"]
    assert page.run("document.getElementById('count').textContent") == "1 of 6 variants"
    page.run("document.getElementById('all').click()")
    assert len(page.run(LABELS)) == 6


def test_a_point_says_its_numbers_when_pointed_at(page: WatchedPage) -> None:
    place = page.run(
        "(() => { const p = document.querySelector('#map_vs_params .tip'); p.scrollIntoView({block: 'center'});"
        "return new Promise(done => setTimeout(() => { const b = p.getBoundingClientRect();"
        "done([b.x + b.width / 2, b.y + b.height / 2]); }, 200)); })()"  # scrolling hides what was said
    )
    page.page.mouse.move(*place)
    shown = page.run("document.getElementById('tip').hidden ? '' : document.getElementById('tip').textContent")
    assert re.fullmatch(
        r"\w+ \+ \w+( \(baseline\))?: mAP50-95 0\.\d{3} ± 0\.\d{3} \(\d seeds\), [\d,]+ parameters", shown
    )
    page.page.mouse.move(2, 2)
    assert page.run("document.getElementById('tip').hidden")


def test_a_name_leads_to_its_details_and_opens_them(page: WatchedPage) -> None:
    page.run("document.querySelector('#variants tbody a').click()")
    assert page.run("document.querySelector(location.hash).open")


def test_on_a_phone_only_tables_and_pictures_scroll_sideways(page: WatchedPage, folder: Path) -> None:
    page.look(360, 740)
    page.open(folder / "report.html")
    assert page.run("document.documentElement.scrollWidth") == 360
    assert page.run("[...document.querySelectorAll('td.group')].every(one => one.offsetParent === null)")
    page.look(1280)


def test_dark_and_light_differ_in_the_page_and_in_its_pictures(page: WatchedPage) -> None:
    drawn = "getComputedStyle(document.querySelector('#map_vs_params text')).fill"
    colours = f"[getComputedStyle(document.body).backgroundColor, {drawn}]"
    page.look(1280)
    light = page.run(colours)
    page.look(1280, dark=True)
    assert light == ["rgb(255, 255, 255)", "rgb(27, 31, 36)"]
    assert page.run(colours) == ["rgb(20, 23, 27)", "rgb(230, 233, 237)"]
    page.look(1280)


@pytest.mark.slow  # half a minute on a busy machine
def test_a_page_of_500_runs_is_made_within_20_seconds_and_opens_well(browser: Browser, tmp_path: Path) -> None:
    necks = ["conv", "gsconv", "slim", *(f"neck{number}" for number in range(11))]
    folder = make_sweep(tmp_path / "large", necks=necks, scales=("n", "s", "m"), seeds=3, epochs=100)
    began = time.process_time()
    comparison = compare(collect([folder]))
    assert len(comparison.runs) == 504
    write_page(table(comparison), folder)
    assert time.process_time() - began < 20
    assert (folder / "report.html").stat().st_size < 4e6
    with open_page(browser) as page:
        page.look(1280)
        page.open(folder / "report.html")
        began = time.monotonic()
        page.run(f"{heading('params')}.firstElementChild.click()")
        fill(page, "#words", "effv2 gsconv")
        assert len(page.run(LABELS)) == 3
        assert time.monotonic() - began < 5
        assert page.complaints == []
