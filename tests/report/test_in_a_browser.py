"""The report as a reader meets it, in a real browser."""

import shutil
from pathlib import Path

import pytest

from understudy.report import write

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to look with")
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1360, "height": 900}


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        started = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser, material, tmp_path):
    """Opens the report in a window of its own; whatever the page complains of fails the test."""
    path = tmp_path / "report.html"
    write(material, path)
    complaints, windows = [], []

    def open_it(viewport=DESKTOP, **options):
        window = browser.new_context(viewport=viewport, **options)
        windows.append(window)
        page = window.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(Path(path).as_uri())
        return page

    asked = []
    yield open_it
    for window in windows:
        window.close()
    assert complaints == []
    outside = [url for url in asked if not url.startswith(("file:", "data:"))]
    assert outside == []
    assert len([url for url in asked if url.startswith("file:")]) == len(windows)


def test_style_and_pictures_are_allowed_by_the_policy(opened):
    page = opened()
    assert page.title() == "Ship: digits – Understudy report"
    assert page.evaluate("getComputedStyle(document.body).margin") == "0px"
    loaded = page.evaluate(
        "[...document.images].map(image => image.complete && image.naturalWidth)"
    )
    assert loaded == [8] * 8


@pytest.mark.parametrize("width", [320, 360, 768, 1360])
def test_nothing_sticks_out_of_the_page(opened, width):
    page = opened({"width": width, "height": 740})
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    sizes = page.evaluate(
        "[...document.querySelectorAll('svg.chart')].map(chart => chart.clientWidth)"
    )
    assert len(sizes) == 8
    assert min(sizes) > 200


@pytest.mark.parametrize("width", [320, 1360])
def test_texts_and_wide_tables_of_a_search_stay_inside(browser, search_material, tmp_path, width):
    write(search_material, tmp_path / "search.html")
    window = browser.new_context(viewport={"width": width, "height": 740})
    page = window.new_page()
    page.goto((tmp_path / "search.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    widths = page.evaluate(
        "[...document.querySelectorAll('.gallery.texts li')].map(row => row.clientWidth)"
    )
    assert len(widths) == 5
    assert min(widths) >= 230
    window.close()


def test_it_needs_no_script(opened):
    page = opened(java_script_enabled=False)
    assert page.get_by_role("heading", level=1).is_visible()
    page.locator("summary").first.click()
    assert page.get_by_text("The large model that is imitated.").is_visible()


def test_the_keyboard_reaches_whatever_can_be_used(opened):
    page = opened()
    wanted = page.locator("a, summary, [tabindex='0']").evaluate_all(
        "all => all.filter(one => one.checkVisibility({contentVisibilityAuto: true})).length"
    )
    reached = set()
    for _ in range(wanted + 20):
        page.keyboard.press("Tab")
        place = "[...document.querySelectorAll('*')].indexOf(document.activeElement)"
        reached.add(page.evaluate(place))
        if len(reached) == 1:
            assert page.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    reachable = page.evaluate(
        """[...document.querySelectorAll("a, summary, [tabindex='0']")]
        .filter(one => one.checkVisibility({contentVisibilityAuto: true}))
        .map(one => [...document.querySelectorAll('*')].indexOf(one))"""
    )
    assert set(reachable) <= reached
    assert len(reachable) > 50


def test_the_skip_link_leads_to_the_verdict(opened):
    page = opened()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_point_in_focus_says_what_it_is(opened):
    page = opened()
    point = page.locator("svg.scatter .point").first
    says = point.locator(".says")
    assert says.evaluate("node => getComputedStyle(node).visibility") == "hidden"
    point.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    assert says.evaluate("node => getComputedStyle(node).visibility") == "visible"
    assert says.text_content() == "teacher: 98.1% (97.0% to 99.3%), 4.80 MB"


def test_names_on_a_chart_stay_inside_it(opened):
    for viewport in (PHONE, DESKTOP):
        page = opened(viewport)
        outside = page.evaluate(
            """[...document.querySelectorAll('svg.chart .name')].filter(name => {
                const chart = name.closest('svg').getBoundingClientRect();
                const box = name.getBoundingClientRect();
                return box.left < chart.left - 1 || box.right > chart.right + 1;
            }).map(name => name.textContent)"""
        )
        assert outside == []


def test_dark_and_light_have_grounds_of_their_own(opened):
    def ground(page):
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert ground(opened(color_scheme="light")) == "rgb(255, 255, 255)"
    assert ground(opened(color_scheme="dark")) == "rgb(20, 23, 27)"


def test_it_can_be_printed(opened):
    page = opened()
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
