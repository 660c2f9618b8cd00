"""Debian's Chromium, offline, and the pages that it opens from disk."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.browser.example import write_page

REPO = Path(__file__).parents[2]
PAGES = {
    "example": None,
    "repository": REPO / "reports/index.html",
    "real": REPO / ".studies/flipkart1050/reports/index.html",
}
"""Each test of a page runs on these; the first is made here, of one block of every kind."""
LOCAL = ("file:", "data:", "blob:")
QUIET = ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if (chromium := shutil.which("chromium")) is None:
        pytest.skip("Debian's Chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def example_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(tmp_path_factory.mktemp("page") / "index.html")


@pytest.fixture(params=PAGES)
def page_file(request: pytest.FixtureRequest, example_file: Path) -> Path:
    path = PAGES[request.param]
    if path is None:
        return example_file
    if not path.exists():
        pytest.skip(f"{path.relative_to(REPO)} is not there: `dvc repro` or `make study` makes it")
    return path


@pytest.fixture
def open_page(browser: Any, page_file: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that opens the page offline; at the end nothing may have failed or been asked for."""
    with opener(browser, page_file) as make:
        yield make


@pytest.fixture
def open_example(browser: Any, example_file: Path) -> Iterator[Callable[..., Any]]:
    """Return the same for the page with a block of every kind, where the content does not matter."""
    with opener(browser, example_file) as make:
        yield make


def painted(page: Any) -> None:
    """Wait until a page is shown: Chromium drops keys before, and only then gives a field its `autofocus`.

    Not by `wait_for_function`, which needs eval, forbidden by our pages' CSP.
    """
    page.evaluate(
        """() => new Promise((done) => new PerformanceObserver(
             (list) => list.getEntriesByName("first-contentful-paint").length && done()
           ).observe({ type: "paint", buffered: true }))"""
    )


@contextmanager
def opener(browser: Any, path: Path) -> Iterator[Callable[..., Any]]:
    contexts: list[Any] = []
    problems: list[str] = []

    def make(width: int = 1440, height: int = 900, theme: str = "light") -> Any:
        context = browser.new_context(
            offline=True, viewport={"width": width, "height": height}, color_scheme=theme
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: request.url.startswith(LOCAL) or problems.append(request.url))
        page.goto(path.as_uri(), wait_until="domcontentloaded")
        painted(page)
        return page

    yield make
    for context in contexts:
        context.close()
    assert problems == []
