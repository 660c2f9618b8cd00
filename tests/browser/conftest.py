"""Debian's Chromium, offline, and the pages that it opens from disk."""

import shutil
from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="session", params=PAGES)
def page_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = PAGES[request.param]
    if path is None:
        return write_page(tmp_path_factory.mktemp("page") / "index.html")
    if not path.exists():
        pytest.skip(f"{path.relative_to(REPO)} is not there: `dvc repro` or `make study` makes it")
    return path


@pytest.fixture
def open_page(browser: Any, page_file: Path) -> Iterator[Callable[..., Any]]:
    """Return a function that opens the page offline; at the end nothing may have failed or been asked for."""
    contexts, problems = [], []

    def make(width: int = 1440, height: int = 900, theme: str = "light", **options: Any) -> Any:
        context = browser.new_context(
            offline=True, viewport={"width": width, "height": height}, color_scheme=theme, **options
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: message.type == "error" and problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "request",
            lambda request: (
                request.url.startswith(("file:", "data:", "blob:")) or problems.append(request.url)
            ),
        )
        page.goto(page_file.as_uri(), wait_until="domcontentloaded")
        return page

    yield make
    for context in contexts:
        context.close()
    assert problems == []
