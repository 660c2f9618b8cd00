"""The page in a browser, from disk and offline: figures, hover, slider, themes, navigation, accessibility."""

import csv
import io
import itertools
import json

import numpy as np
import pytest
from PIL import Image

from tests.browser import example
from tests.browser.conftest import opener

NEAR = "figure.chart[data-drawn]"


def unfold(page):
    page.evaluate("document.querySelectorAll('main details').forEach(each => { each.open = true; })")


SHOW = """async (each) => {
  each.scrollIntoView({ block: "center", behavior: "instant" });
  const frame = () => new Promise(requestAnimationFrame);
  const end = performance.now() + 10000;
  while (!each.dataset.drawn || !each.querySelector(".main-svg")) {
    if (performance.now() > end) throw new Error(`${each.id} is not drawn`);
    await frame();
  }
  await frame();
  await frame();
  const { x, y, width, height } = each.querySelector(".plot").getBoundingClientRect();
  const top = Math.max(y, 0);
  return { x, y: top, width, height: Math.min(y + height, innerHeight) - top };
}"""


def shown(chart):
    """Scroll a figure into view, wait until it is drawn, and return its place in the window."""
    return chart.evaluate(SHOW)


def blank(png):
    """Whether a picture has neither colours nor much ink: text, grid and axes are grey, and thin."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    coloured = np.ptp(pixels, axis=2) > 40
    inked = np.abs(pixels - pixels[1, 1]).max(axis=2) > 25
    return coloured.sum() < 30 and inked.mean() < 0.05


def open_map(page):
    """Show the first figure whose points are products; return it and a point's place in the window."""
    unfold(page)
    name = page.evaluate(
        """[...document.querySelectorAll("figure.chart")].find((chart) =>
          JSON.parse(chart.querySelector("script").textContent).data.some((trace) =>
            trace.meta === "products" && trace.type !== "scattergl" && trace.customdata.length > 0))?.id"""
    )
    assert name, "some figure must show products"
    chart = page.locator(f"[id='{name}']")
    shown(chart)
    place = chart.evaluate(
        """(each) => {
          const plot = each.querySelector(".plot");
          const { xaxis, yaxis } = plot._fullLayout;
          const trace = plot.data.find(({ meta }) => meta === "products");
          const box = plot.getBoundingClientRect();
          const x = box.left + xaxis._offset + xaxis.d2p(trace.x[0]);
          return [x, box.top + yaxis._offset + yaxis.d2p(trace.y[0])];
        }"""
    )
    return chart, place


def test_the_first_figure_is_drawn_within_three_seconds(open_page):
    """Seconds of the page's own thread: a clock would time what else the machine does."""
    page = open_page()
    measured = page.context.new_cdp_session(page)
    measured.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.wait_for_selector(NEAR)
    assert page.evaluate("performance.getEntriesByName('first-figure').length") == 1
    (seconds,) = (
        each["value"]
        for each in measured.send("Performance.getMetrics")["metrics"]
        if each["name"] == "ThreadTime"
    )
    assert 0 < seconds < 3


LOOKS = pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])


@LOOKS
def test_every_figure_is_drawn_and_nothing_is_blank_or_too_wide(open_page, width, theme):
    """Wide tables scroll inside; figures fit, or scroll where subplots stand side by side."""
    page = open_page(width=width, height=900, theme=theme)
    unfold(page)
    empty = []
    charts = page.locator("figure.chart").all()
    for chart in charts:
        if blank(page.screenshot(clip=shown(chart))):
            empty.append(chart.get_attribute("id"))
    wide = page.locator("figure.chart .plot").evaluate_all(
        """(all) => all.filter((each) => each.scrollWidth > each.clientWidth + 1 && each.tabIndex !== 0)
             .map((each) => each.parentNode.id)"""
    )
    assert charts and not empty and not wide
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@LOOKS
def test_an_empty_figure_would_be_found(browser, tmp_path, width, theme):
    """The check above would be worth nothing if axes and their names passed for a figure."""
    path = example.write_empty(tmp_path / "index.html")
    with opener(browser, path) as make:
        page = make(width=width, theme=theme)
        assert blank(page.screenshot(clip=shown(page.locator("figure.chart"))))


def test_figures_out_of_sight_are_not_drawn(open_page):
    """Else the page is not usable at once: sixty figures cost seconds."""
    page = open_page()
    page.wait_for_selector(NEAR)
    page.wait_for_timeout(300)
    far = page.locator("figure.chart").evaluate_all(
        """(all) => all.filter((each) => each.dataset.drawn
             && each.getBoundingClientRect().top > innerHeight + 1500).map((each) => each.id)"""
    )
    # the first one is drawn at once
    assert far in ([], [page.locator("figure.chart").first.get_attribute("id")])


def test_a_product_under_the_pointer_shows_its_name_and_picture(open_page):
    page = open_page()
    _, (x, y) = open_map(page)
    tip = page.locator("#tip")
    assert tip.is_hidden()
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y, steps=3)
    tip.wait_for(state="visible")
    assert tip.locator("strong").inner_text().strip() and tip.locator(".category").inner_text().strip()
    assert tip.locator("img").evaluate(
        "image => !image.hidden && image.decode().then(() => image.naturalWidth)"
    )
    page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_the_slider_changes_the_overlays(open_page):
    page = open_page()
    unfold(page)
    slider = page.locator(".slider input").first
    if not page.locator(".slider input").count():
        pytest.skip("the page has no picture with an overlay")
    slider.scroll_into_view_if_needed()
    overlay = page.locator("figure.pictures", has=slider).locator(".overlay").first
    opacity = "each => getComputedStyle(each).opacity"
    assert overlay.evaluate(opacity) == "0.5"
    slider.focus()
    page.keyboard.press("End")
    assert (
        overlay.evaluate(opacity) == "1"
        and slider.evaluate("each => each.nextElementSibling.value") == "100 %"
    )
    slider.fill("20")
    assert overlay.evaluate(opacity) == "0.2"


@pytest.mark.parametrize(("first", "second"), [("light", "dark"), ("dark", "light")])
def test_the_theme_follows_the_system_until_it_is_switched(open_page, first, second):
    page = open_page(theme=first)
    unfold(page)
    chart = page.locator("figure.chart").first
    shown(chart)
    name = chart.get_attribute("id")

    def look():
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        font = chart.evaluate("each => each.querySelector('.plot')._fullLayout.font.color")
        paper = chart.evaluate("each => each.querySelector('.plot')._fullLayout.paper_bgcolor")
        return ground, font, paper

    before = look()
    assert page.evaluate("document.documentElement.dataset.theme") == first
    page.click("#theme")
    page.wait_for_selector(f"[id='{name}'][data-drawn={second}]")
    after = look()
    assert all(old != new for old, new in zip(before, after, strict=True))
    # one that was drawn before and is out of sight now has the new theme when it comes back
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == second
    assert page.get_attribute("#theme", "aria-pressed") == str(second == "dark").lower()


def test_navigation_leads_to_each_section_and_marks_it(open_page):
    page = open_page()
    page.add_style_tag(content="html { scroll-behavior: auto !important; }")
    links = page.locator("nav a").all()
    assert links
    for link in links:
        target = link.get_attribute("href").removeprefix("#")
        link.click()
        page.wait_for_function(
            """(id) => document.querySelector("nav a[aria-current=true]").hash === `#${id}`""",
            arg=target,
        )
        top = page.locator(f"section[id='{target}']").evaluate("each => each.getBoundingClientRect().top")
        end = page.evaluate("innerHeight + scrollY >= document.documentElement.scrollHeight - 2")
        assert end or -2 <= top <= 300
    assert page.locator("nav a[aria-current]").count() == 1


def test_on_a_phone_the_menu_opens_by_keyboard_and_leads_to_a_section(open_example):
    page = open_example(width=390, height=844)
    page.add_style_tag(content="html { scroll-behavior: auto !important; }")
    nav = page.locator("nav")
    assert nav.is_hidden() and page.get_attribute("#menu", "aria-expanded") == "false"
    page.focus("#menu")
    page.keyboard.press("Enter")
    assert nav.is_visible() and page.get_attribute("#menu", "aria-expanded") == "true"
    page.keyboard.press("Escape")
    assert nav.is_hidden() and page.evaluate("document.activeElement.id") == "menu"
    page.keyboard.press("Enter")
    page.locator("nav a").last.press("Enter")
    assert nav.is_hidden() and page.evaluate("scrollY") > 0


def test_the_skip_link_is_first(open_example):
    page = open_example()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


@LOOKS
def test_axe_finds_no_serious_violation(open_page, width, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    page = open_page(width=width, theme=theme)
    page.wait_for_selector(NEAR)
    unfold(page)
    shown(page.locator("figure.chart").last)
    found = axe.Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [
        (each["id"], each["nodes"][0]["html"][:200])
        for each in found
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_headings_are_in_order(open_page):
    page = open_page()
    levels = page.locator("h1, h2, h3, h4").evaluate_all(
        "(all) => all.map((each) => Number(each.tagName[1]))"
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def downloaded(page, button):
    """Return what a button downloads; not too soon after another: Chromium drops the eleventh in a second."""
    page.wait_for_timeout(120)
    with page.expect_download() as waiting:
        button.evaluate("each => each.click()")  # without a look at it, for which its figure would be drawn
    return waiting.value


def test_each_figure_downloads_as_csv_with_its_values(open_page):
    page = open_page()
    unfold(page)
    for chart in page.locator("figure.chart").all():
        download = downloaded(page, chart.locator("[data-action=csv]"))
        figure = json.loads(chart.locator("script").text_content())
        with open(download.path(), encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert download.suggested_filename == f"{chart.get_attribute('id').removeprefix('figure-')}.csv"
        for trace in figure["data"]:
            own = [row for row in rows if row["trace"] == trace.get("name", "")]
            assert own or not any(isinstance(value, list) and value for value in trace.values())
            if trace.get("meta") == "products":
                assert all(row["product_id"] and row["category"] for row in own[: len(trace["customdata"])])


def test_the_csv_of_a_figure_has_its_names_and_values(open_example):
    page = open_example()
    unfold(page)

    def rows(name):
        button = page.locator(f"#figure-{name} [data-action=csv]")
        with open(downloaded(page, button).path(), encoding="utf-8-sig", newline="") as file:
            return list(csv.reader(file))

    bars = rows("bars")
    assert bars[0] == ["trace", "x", "y", "error_x array"] and bars[1] == ["", "3", "Clocks", "0.1"]
    heatmap = rows("heatmap")
    assert heatmap[0] == ["trace", "x", "y", "z"] and len(heatmap) == 7
    assert heatmap[3] == ["", "Mugs", "a", ""] and heatmap[4] == ["", "Clocks", "b", "4"]
    sunburst = rows("sunburst")
    assert sunburst[0] == ["trace", "labels", "parents", "values"] and sunburst[2] == [
        "",
        "Clocks",
        "all",
        "1",
    ]
    products = rows("map")
    assert products[0] == ["trace", "product_id", "title", "category", "x", "y", "text"]
    assert products[1] == ["Clocks", "p00", example.HOSTILE, "Clocks", "0", "0", "cluster 0"]
    assert products[2][:3] == ["Clocks", "p03", "'=1;'=2"] and len(products) == 1 + example.N


def test_a_figure_downloads_as_png(open_example):
    page = open_example(theme="dark")
    chart = page.locator("figure.chart").first
    shown(chart)
    image = Image.open(downloaded(page, chart.locator("[data-action=png]")).path()).convert("RGB")
    assert image.width == 2000 and image.getpixel((2, 2)) == (255, 255, 255)


def test_a_table_downloads_as_csv(open_example):
    page = open_example()
    table = page.locator("figure.table").first
    download = downloaded(page, table.locator("[data-action=table]"))
    with open(download.path(), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    texts = table.locator("tr").evaluate_all(
        "(all) => all.map((row) => [...row.cells].map((c) => c.textContent))"
    )
    assert rows == texts and len(rows) > 1


def test_a_link_to_what_is_folded_away_opens_it(open_example):
    page = open_example()
    folded = page.locator("details figure.chart").first
    assert folded.is_hidden()
    name = folded.get_attribute("id")
    page.evaluate("(id) => { location.hash = id; }", name)
    page.wait_for_selector(f"[id='{name}'][data-drawn]")


def test_many_webgl_figures_give_their_contexts_back(open_example):
    page = open_example()
    unfold(page)
    name = page.evaluate(
        """[...document.querySelectorAll("figure.chart")].find((chart) =>
          chart.querySelector("script").textContent.includes('"scattergl"'))?.id"""
    )
    assert name
    chart = page.locator(f"[id='{name}']")
    shown(chart)
    page.evaluate("document.documentElement.style.scrollBehavior = 'auto'; scrollTo(0, 0)")
    page.wait_for_selector(f"[id='{name}']:not([data-drawn])", state="attached")
    shown(chart)
