"""The review page in a browser: a whole review by keyboard, one key for the usual answer; accessibility."""

import base64
import threading
import time
from hashlib import sha256
from statistics import median

import httpx
import pytest
import uvicorn
from sqlalchemy import select

from aisle.service import app, state
from aisle.service.keys import Key
from aisle.service.settings import Review, Settings
from aisle.service.store.tables import Judgement
from tests.aisle.service.conftest import CATEGORIES, picture, pristine, two_packages  # noqa: F401
from tests.browser.conftest import painted

KEY = "aisle_ann"
CLOCKS, LAMPS, MUGS = CATEGORIES
TITLES = [
    "<img src=x onerror=alert(1)> coffee dial",
    "Steel bulb with a long handle, for the wall of a kitchen, quartz",
    "Tea tray, walnut",
    "Desk thing with shade and alarm",
    "Red gift box, 20 cm",
    "Red gift box, 25 cm",
    "Handle",
]


@pytest.fixture(scope="module")
def service(pristine, tmp_path_factory):  # noqa: F811
    """Return the address of a service with a queue, and its store."""
    folder = tmp_path_factory.mktemp("review")
    settings = Settings(
        model=str(pristine),
        database=f"sqlite:///{folder}/service.db",
        watch=0,
        keys=(Key("ann", sha256(KEY.encode()).hexdigest()),),
        review=Review(others=1.0, share=0.0, second=0.0, batch=50),
    )
    made = state.make(settings)
    server = uvicorn.Server(uvicorn.Config(app.create(made), port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    (port,) = (each.getsockname()[1] for listening in server.servers for each in listening.sockets)
    address = f"http://127.0.0.1:{port}"
    products = [
        {
            "id": f"sku-{i}",
            "title": title,
            "description": "A thing for the home. <b>Coffee</b>, tea, handle, quartz, shade. " * 3,
            "specifications": "Colour: red; Material: steel",
            "image": base64.b64encode(picture(CATEGORIES[i % 3], i, 600)).decode(),
        }
        for i, title in enumerate(TITLES)
    ]
    head = {"X-API-Key": KEY}
    assert httpx.post(
        f"{address}/v1/classify", json={"products": products}, headers=head, timeout=60
    ).is_success
    end = time.monotonic() + 20
    while (
        'aisle_review_products_total{outcome="kept"} 7.0'
        not in httpx.get(f"{address}/metrics", headers=head).text
    ):
        assert time.monotonic() < end
        time.sleep(0.05)
    yield address, made.engine
    server.should_exit = True
    thread.join()


def opened(browser, address, width=1440, height=900, theme="light"):
    """Return a page, signed in, and what went wrong on it."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme)
    context.add_init_script(COUNT)
    page, problems = context.new_page(), []
    page.on("console", lambda message: message.type == "error" and problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: request.url.startswith(address) or problems.append(request.url))
    page.goto(f"{address}/review")
    painted(page)
    page.wait_for_selector("#key:focus")
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")
    page.wait_for_selector(".decide")
    return page, problems


def pressed(page, *keys):
    """Press keys and wait for the next page."""
    with page.expect_navigation():
        for key in keys:
            page.keyboard.press(key)
    painted(page)


COUNT = """for (const kind of ["keydown", "click"]) addEventListener(kind, (event) => {
  if (event.isTrusted) sessionStorage[kind] = Number(sessionStorage[kind] || 0) + 1;
}, true);"""


def counted(page):
    """Return how many keys and clicks a person made on this page's site so far."""
    return page.evaluate("['keydown', 'click'].map((kind) => Number(sessionStorage[kind] || 0))")


def violations(page):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        (each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")
    ]


def said(engine):
    with engine.connect() as connection:
        query = select(Judgement.product_id, Judgement.category).order_by(Judgement.at, Judgement.product_id)
        return [(row.product_id, row.category) for row in connection.execute(query)]


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (390, "dark")])
def test_nobody_is_kept_out(browser, service, width, theme, tmp_path):
    page, problems = opened(browser, service[0], width, 844, theme)
    assert violations(page) == [] and not problems
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.context.close()


def test_a_whole_review_by_keyboard(browser, service):
    """One key for the usual answer; the mouse is not touched."""
    address, engine = service
    page, problems = opened(browser, address)
    shown = page.locator(".top .name").all_inner_texts()
    assert len(shown) == 3
    pressed(page, "1")  # the usual case: one key
    assert [category for _, category in said(engine)] == [shown[0].replace(" / ", " >> ")]
    pressed(page, "u")
    assert said(engine) == [] and page.locator(".told").inner_text() == "Your last answer is taken back."
    pressed(page, "2")
    assert said(engine)[0][1] == shown[1].replace(" / ", " >> ")
    page.keyboard.press("/")
    page.keyboard.type("mug")
    assert page.locator(".tree li:visible").count() == 1
    pressed(page, "Enter")
    assert said(engine)[-1][1] == MUGS
    page.keyboard.press("/")
    page.keyboard.type("1s")  # letters of a search are no answers
    assert page.locator("#search").input_value() == "1s"
    page.keyboard.press("Escape")
    pressed(page, "s")
    assert said(engine)[-1][1] is None
    before, seconds = counted(page), []
    while page.locator(".decide").count():
        began = time.monotonic()
        pressed(page, "1")
        seconds.append(time.monotonic() - began)
    keys, clicks = (now - then for now, then in zip(counted(page), before, strict=True))
    assert keys == len(seconds) >= 3 and clicks == 0  # one key an item
    print(
        f"{keys / len(seconds):g} key and {clicks} clicks an item; median {median(seconds):.2f} s to the next"
    )
    assert median(seconds) < 2.5  # of the 5 s that an item may take a person, on a busy machine
    assert page.locator("h1").inner_text() == "Nothing to decide now"
    found = said(engine)
    assert len(found) == len(TITLES) and len({product for product, _ in found}) == len(TITLES)
    asked = page.evaluate("performance.getEntriesByType('navigation').length")
    assert asked == 1 and not problems
    page.context.close()


def test_the_documentation_asks_no_other_site(browser, service):
    context = browser.new_context()
    page, asked, problems = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(f"{service[0]}/docs")
    page.wait_for_selector(".opblock-summary-path", timeout=20_000)
    assert not problems
    assert not [url for url in asked if not url.startswith((service[0], "data:"))]
    context.close()
