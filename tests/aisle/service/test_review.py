"""The review: who is asked about what, on SQLite and a real PostgreSQL; the page, its sign-in, its text."""

import base64
import io
import re
import threading
import time
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.sparse import csr_matrix
from sqlalchemy import func, insert, select, update

from aisle.service.keys import Key
from aisle.service.metrics import Metrics
from aisle.service.queue.registry import Candidates
from aisle.service.review import assigning, filling, keeping
from aisle.service.review.keeping import Keeper
from aisle.service.review.progress import kappa, progress, weighted_share
from aisle.service.settings import Review as ReviewSettings
from aisle.service.store import database
from aisle.service.store.tables import Judgement, Review, ReviewItem, now

KEYS = {"ann": "aisle_ann", "bob": "aisle_bob"}
MUGS = "Mugs"


def candidates(engine, titles, probability=0.5, **changed):
    """Write products into the pool; return their ids, in order."""
    reviews, items = [], []
    for i, title in enumerate(titles):
        own = f"{i:032x}"
        reviews.append(
            {
                "id": own,
                "at": now(),
                "prediction_id": own,
                "product_id": f"sku-{i}",
                "strategy": "",
                "weight": 0.0,
            }
            | {"state": "candidate", "admitted": 1.0, "drawn": False, "wanted": 1}
            | changed
        )
        known = {MUGS: probability, "Home >> Clocks": 1 - probability}
        items.append(
            {"review_id": own, "title": title, "description": "", "specifications": "", "picture": None}
            | {"predicted": MUGS, "probabilities": known, "needs_person": True, "reasons": ["why <b>"]}
        )
    with engine.begin() as connection:
        connection.execute(insert(Review), reviews)
        connection.execute(insert(ReviewItem), items)
    return [each["id"] for each in reviews]


DISTINCT = [
    "walnut bookshelf", "copper kettle", "linen curtain", "garden hose", "tennis racket", "violin strings",
    "desk lamp", "rubber duck", "yoga mat", "bread knife", "alarm clock", "wool scarf", "paint brush",
    "bike pump", "soap dish", "chess board", "tea towel", "wine glass", "hand drum", "paper shredder",
]  # fmt: skip
ONE = ReviewSettings(share=0.0, second=0.0, batch=50)


@pytest.fixture
def engine(url):
    found = database.open_store(url)
    yield found
    found.dispose()


def filled(engine, titles, settings=ONE, **changed):
    own = candidates(engine, titles, **changed)
    assert filling.fill(engine, settings, np.random.default_rng(0))
    return own


def said(engine):
    with engine.connect() as connection:
        return connection.execute(select(Judgement).order_by(Judgement.at, Judgement.review_id)).all()


def test_two_people_are_never_asked_the_same(engine):
    """Both at once, as fast as they can: every product is decided once, by one of them."""
    filled(engine, DISTINCT)
    held, wrong, errors = {}, [], []
    both = threading.Barrier(2)  # else the first may have decided all before the other begins

    def work(who):
        try:
            while (found := assigning.lease(engine, who, 60)) is not None:
                if who not in held.values():
                    both.wait(30)
                own = found.product.review_id
                if held.setdefault(own, who) != who:
                    wrong.append(own)
                assert assigning.decide(engine, who, own, MUGS)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(who,)) for who in ("ann", "bob")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not errors and not wrong
    found = said(engine)
    assert len(found) == len({each.review_id for each in found}) == len(DISTINCT)
    assert {each.who for each in found} == {"ann", "bob"}


def test_what_one_has_another_gets_when_the_time_is_over(engine):
    filled(engine, DISTINCT[:1])
    own = assigning.lease(engine, "ann", 60).product.review_id
    assert assigning.lease(engine, "ann", 60).product.review_id == own  # hers, also after a reload
    assert assigning.lease(engine, "bob", 60) is None
    assert assigning.lease(engine, "ann", 0).product.review_id == own
    assert assigning.lease(engine, "bob", 60).product.review_id == own
    assert not assigning.decide(engine, "ann", own, MUGS) and not said(engine)  # too late: it is bob's
    assert assigning.decide(engine, "bob", own, MUGS)
    assert not assigning.decide(engine, "bob", own, "Home >> Clocks")  # once
    assert [each.category for each in said(engine)] == [MUGS]


def test_what_is_skipped_goes_to_another_and_what_was_said_can_be_taken_back(engine):
    first, second = filled(engine, DISTINCT[:2])
    order = [assigning.lease(engine, "ann", 60).product.review_id]
    assert assigning.decide(engine, "ann", order[0], None)
    order.append(assigning.lease(engine, "ann", 60).product.review_id)
    assert {*order} == {first, second}
    assert assigning.decide(engine, "ann", order[1], MUGS, why="a handle")
    assert assigning.lease(engine, "ann", 60) is None  # one skipped, one decided
    assert assigning.undo(engine, "ann", 60)
    assert assigning.lease(engine, "ann", 60).product.review_id == order[1]
    assert [each.category for each in said(engine)] == [None]
    assert assigning.lease(engine, "bob", 60).product.review_id == order[0]
    assert not assigning.undo(engine, "bob", 60)


def test_who_has_skipped_all_that_waits_gets_more_of_the_pool(engine):
    settings = replace(ONE, batch=3)
    filled(engine, DISTINCT[:9], settings)
    for _ in range(3):
        assert assigning.decide(engine, "ann", assigning.lease(engine, "ann", 60).product.review_id, None)
    assert filling.fill(engine, settings, np.random.default_rng(0), "bob") == 0  # he has three
    assert filling.fill(engine, settings, np.random.default_rng(0), "ann") == 3
    assert filling.fill(engine, settings, np.random.default_rng(0), "ann") == 0
    assert assigning.lease(engine, "ann", 60) is not None


def test_near_duplicates_are_decided_together_but_for_those_left_out(engine):
    titles = [
        "blue mug with a handle, 300 ml",
        "blue mug with a handle, 350 ml",
        "blue mug with a handle, 380 ml",
    ]
    own = filled(engine, [*titles, "garden hose"])
    found = [assigning.lease(engine, "ann", 60), assigning.lease(engine, "bob", 60)]
    (group,) = [each for each in found if each.others]
    who = "ann" if group is found[0] else "bob"
    leader, others = group.product.review_id, [each.review_id for each in group.others]
    assert {leader, *others} == {*own[:3]}
    assert assigning.decide(engine, who, leader, MUGS, together=[others[0]])
    assert {each.review_id for each in said(engine)} == {leader, others[0]}
    left = assigning.lease(engine, who, 60)
    assert left.product.review_id == others[1] and not left.others  # a question of its own
    assert assigning.undo(engine, who, 60) and not said(engine)  # both are taken back


def test_two_are_asked_where_agreement_is_to_be_known(engine):
    filled(engine, DISTINCT[:4], replace(ONE, second=1.0))
    for who, answers in (("ann", [MUGS, MUGS, "a", "a"]), ("bob", [MUGS, MUGS, "a", MUGS])):
        for answer in answers:
            own = assigning.lease(engine, who, 60).product
            assert assigning.decide(engine, who, own.review_id, answer)
    found = progress(engine, "ann")
    assert (found.pairs, found.own, found.decided, found.waiting) == (4, 4, 4, 0)
    assert found.kappa == pytest.approx(0.5)  # 3 of 4 agree, 1 of 2 would by chance
    assert found.seconds >= 0 and kappa([("a", "a")]) is None


@pytest.mark.parametrize("strategy", ["uncertain", "diverse"])
def test_what_chance_chooses_is_true_of_all(strategy):
    """The mean of many estimates is the truth, though what is uncertain is asked first and often wrong."""
    rng, n = np.random.default_rng(0), 300
    margins = rng.random(n)
    wrong = rng.random(n) < 0.6 * (1 - margins)
    must = margins < 0.5
    settings = ReviewSettings(share=0.2, strategy=strategy, batch=30)
    totals, naive = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        admitted = np.where(must, 1.0, 0.5)
        pool = np.flatnonzero(rng.random(n) < admitted)
        values = np.column_stack([(1 + margins[pool]) / 2, (1 - margins[pool]) / 2])
        known = Candidates(values, csr_matrix(np.eye(len(pool))))  # none is near another
        found = filling.plan(known, np.ones(len(pool), bool), admitted[pool], settings, rng)
        assert not {*found.leaders} & {*found.members}
        totals.append(sum(weight * wrong[pool[place]] for place, weight in found.weights.items()))
        naive.append(n * np.mean([wrong[pool[place]] for place in found.weights]))
    error = np.std(totals) / np.sqrt(len(totals))
    assert abs(np.mean(totals) - wrong.sum()) < 3 * error
    assert np.mean(naive) - wrong.sum() > 10 * error  # what was asked of all kinds is not


def test_the_strategy_of_the_guide_is_one():
    """CONTRIBUTING.md's example as it stands."""
    guide = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    code = guide.split("### A queue strategy\n")[1].split("```python\n")[1].split("```")[0]
    names = {}
    exec(code, names)
    known = Candidates(np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]]), csr_matrix(np.eye(3)))
    assert names["Strategy"]().choose(known, 2, None).places.tolist() == [1, 2]


def test_chance_has_its_turn_once(engine):
    settings = replace(ONE, share=0.5, batch=4)
    candidates(engine, DISTINCT[:8])
    filling.fill(engine, settings, np.random.default_rng(1))
    with engine.begin() as connection:
        weights = select(Review.weight).where(Review.strategy == "random_share")
        assert connection.execute(weights).scalars().all() == [2.0] * 4
        connection.execute(update(Review).where(Review.state == "open").values(state="done"))
    filling.fill(engine, settings, np.random.default_rng(1))
    with engine.connect() as connection:
        strategies = connection.execute(select(Review.strategy).where(Review.state == "open")).scalars().all()
    assert strategies == ["diverse"] * 4


def test_the_share_of_a_population_and_its_interval():
    share, low, high = weighted_share(np.array([1, 1, 0, 1.0]), np.array([10, 10, 10, 1.0]))
    assert share == pytest.approx(21 / 31) and 0 < low < share < high <= 1
    assert weighted_share(np.ones(1), np.ones(1)) is None
    assert weighted_share(np.ones(50), np.ones(50))[2] == pytest.approx(1.0)


def answer(category=MUGS, must=True):
    return {
        "category": category,
        "send_to_person": must,
        "probabilities": {MUGS: 0.5, "Home >> Clocks": 0.3, "Home >> Lamps": 0.2},
        "reasons": [{"code": "below_bound", "message": "the probability is low"}],
    }


def kept(engine, offered, settings, seed=0):
    """Offer products to a keeper; return the rows of what it keeps, and its figures."""
    metrics = Metrics()
    keeper = Keeper(engine, settings, metrics, seed)
    keeper.start()
    for products, ids, answers in offered:
        keeper.offer(
            products, ids, [f"{i:032x}-{time.monotonic_ns()}"[-32:] for i in range(len(ids))], answers
        )
    keeper.close()
    with engine.connect() as connection:
        query = select(*Review.__table__.columns, *ReviewItem.__table__.columns).join(ReviewItem)
        return connection.execute(query.order_by(Review.product_id)).mappings().all(), metrics


def test_what_is_kept_is_small_and_of_those_that_can_be_labelled(url, make_picture):
    engine = database.open_store(url)
    large = make_picture(MUGS, 1, side=1500)
    products = [
        {"title": "<b>Tea</b> mug\0", "description": "x" * 9000, "image": [b"none", large],
         "specifications": "Colour: red; Size: <i>M</i>"},
        {"title": "no key"},
        {"title": "certain"},
    ]  # fmt: skip
    rows, _ = kept(
        engine,
        [(products, ["a", None, "c"], [answer(), answer(), answer(must=False)])],
        ReviewSettings(others=0.0, side=320),
    )
    assert [row["product_id"] for row in rows] == ["a"] and rows[0]["state"] == "candidate"
    assert rows[0]["title"] == "Tea mug" and len(rows[0]["description"]) == 3001
    assert rows[0]["specifications"] == "Colour: red; Size: M" and rows[0]["admitted"] == 1.0
    with Image.open(io.BytesIO(rows[0]["picture"])) as picture:
        assert picture.format == "JPEG" and max(picture.size) == 320
    engine.dispose()


def test_others_are_kept_by_chance_a_product_once_and_no_more_than_there_is_room_for(engine):
    sure = [([{"title": f"t{i}"}], [f"s{i}"], [answer(must=False)]) for i in range(200)]
    rows, metrics = kept(engine, sure, ReviewSettings(others=0.25))
    assert 30 < len(rows) < 70 and {row["admitted"] for row in rows} == {0.25}
    again, metrics = kept(engine, [([{"title": "x"}], [rows[0]["product_id"]], [answer()])], ReviewSettings())
    value = metrics.registry.get_sample_value
    assert len(again) == len(rows) and value("aisle_review_products_total", {"outcome": "known"}) == 1
    more = [([{"title": "y"}], [f"m{i}"], [answer()]) for i in range(10)]
    full, metrics = kept(engine, more, ReviewSettings(pool=len(rows) + 4))
    value = metrics.registry.get_sample_value
    assert len(full) == len(rows) + 4 and value("aisle_review_products_total", {"outcome": "dropped"}) == 6


def test_what_was_kept_is_forgotten_and_what_was_said_is_not(engine):
    first, second, third = filled(engine, DISTINCT[:3], at=now() - timedelta(days=60))
    for own, days in ((first, 40), (second, 1)):
        assigning.lease(engine, "ann", 60)
        with engine.begin() as connection:
            connection.execute(
                update(Review)
                .where(Review.id == own)
                .values(state="done", ended=now() - timedelta(days=days))
            )
    assert keeping.forget(engine, 30) == 1
    with engine.connect() as connection:
        left = set(connection.execute(select(ReviewItem.review_id)).scalars())
        assert left == {second, third}  # the third still waits
        assert connection.execute(select(func.count()).select_from(Review)).scalar() == 3


@pytest.fixture
def page(settings, serve):
    """Return the client of a service with two people's keys, and its store."""
    own = tuple(Key(name, sha256(key.encode()).hexdigest()) for name, key in KEYS.items())
    client = serve(replace(settings, keys=own, review=ONE))
    return client, client.app.state.service.engine


def sign_in(client, who="ann"):
    client.cookies.clear()
    return client.post("/review", data={"action": "sign_in", "key": KEYS[who]})


def fields(text):
    """Return the form's hidden fields of a page, as a browser would send them."""
    return {name: re.search(rf'name="{name}" value="([^"]+)"', text)[1] for name in ("token", "review")}


def test_who_is_not_signed_in_sees_nothing(page):
    client, engine = page
    own = filled(engine, ["secret product"])
    for given in ({}, {"headers": {"Cookie": "aisle_review=x"}}):
        found = client.get("/review", **given)
        assert found.status_code == 200 and "secret" not in found.text and 'name="key"' in found.text
    assert client.get(f"/review/picture/{own[0]}").status_code == 401
    wrong = client.post("/review", data={"action": "sign_in", "key": "aisle_eve"})
    assert wrong.status_code == 401 and "That is no key" in wrong.text and not client.cookies
    assert client.post("/review", data={"category": MUGS, "review": own[0]}).status_code == 401
    assert not said(engine)


def test_a_cookie_is_no_script_s_and_no_other_site_s(page):
    client, _ = page
    answered = client.post("/review", data={"action": "sign_in", "key": KEYS["ann"]}, follow_redirects=False)
    cookie = answered.headers["set-cookie"]
    assert answered.status_code == 303
    assert all(word in cookie for word in ("HttpOnly", "SameSite=strict", "Path=/review", "Max-Age=43200"))
    assert KEYS["ann"] not in cookie
    assert client.get("/review").status_code == 200
    out = {"action": "sign_out"} | {
        "token": re.search(r'name="token" value="([^"]+)"', client.get("/review").text)[1]
    }
    kept_cookie = client.cookies["aisle_review"]
    client.post("/review", data=out)
    again = client.get("/review", headers={"Cookie": f"aisle_review={kept_cookie}"})
    assert 'name="key"' in again.text  # the session has ended, not only the cookie


def test_one_answer_by_a_form_and_only_with_its_token(page):
    client, engine = page
    filled(engine, DISTINCT[:2])
    text = sign_in(client).text
    form = fields(text)
    assert client.post("/review", data=form | {"token": "x", "category": MUGS}).status_code == 403
    assert client.post("/review", data=form | {"category": "Cars"}).status_code == 422
    assert not said(engine)
    after = client.post("/review", data=form | {"category": MUGS, "why": " a  handle "})
    assert after.status_code == 200 and fields(after.text)["review"] != form["review"]
    (found,) = said(engine)
    assert (found.category, found.why, found.who) == (MUGS, "a handle", "ann") and found.product_id
    late = client.post("/review", data=form | {"category": MUGS})
    assert "Somebody else has that product" in late.text and len(said(engine)) == 1
    back = client.post("/review", data=form | {"action": "undo"})
    assert "taken back" in back.text and fields(back.text)["review"] == form["review"] and not said(engine)
    assert client.post("/review", json={"action": "undo"}).status_code == 415


def test_hostile_text_is_text(page):
    client, engine = page
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(2)> {{ 7919 * 7919 }}'
    own = filled(engine, [evil])
    with engine.begin() as connection:
        connection.execute(update(Review).values(product_id=evil))
        connection.execute(update(ReviewItem).values(description=evil, specifications=evil, reasons=[evil]))
    found = sign_in(client)
    assert "<script>alert" not in found.text and "<img src=x" not in found.text
    assert "62710561" not in found.text  # the product's digits are too many to be in a random token
    assert "&lt;script&gt;" in found.text
    policy = found.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "unsafe" not in policy
    scripts = re.findall(r"<script([^>]*)>", found.text)
    assert scripts == [' src="/review/static/review.js" defer'] and "style=" not in found.text
    assert client.get("/review/static/review.js").headers["content-type"].startswith("text/javascript")
    assert client.get("/review/static/../page.py").status_code == 404
    assert client.get(f"/review/picture/{own[0]}").status_code == 404  # it has none


def test_words_that_moved_the_model_are_marked(page):
    client, engine = page
    filled(engine, ["Coffee handle, steel dial"])
    text = sign_in(client).text
    words = {word: side for side, word in re.findall(r'<mark class="(\w+) s\d">(\w+)</mark>', text)}
    assert words["Coffee"] == words["handle"] == "for" and words["dial"] == "against"
    assert "(by words)" in text


def test_a_whole_turn_from_an_answer_to_a_decision(settings, serve, make_picture):
    """Without keys, on this machine: what the service is unsure of is asked; the picture is there."""
    client = serve(replace(settings, review=ReviewSettings(share=1.0, others=1.0, second=0.0)))
    engine = client.app.state.service.engine
    data = base64.b64encode(make_picture(MUGS, 1)).decode()
    sent = {"products": [{"id": "a", "title": "quartz tea", "image": data}, {"title": "no key"}]}
    assert client.post("/v1/classify", json=sent).status_code == 200
    end = time.monotonic() + 10
    while "Picture of the product" not in (text := client.get("/review").text):
        assert time.monotonic() < end
        time.sleep(0.05)
    own = fields(text)["review"]
    shown = client.get(f"/review/picture/{own}")
    assert (
        shown.headers["content-type"] == "image/jpeg"
        and Image.open(io.BytesIO(shown.content)).format == "JPEG"
    )
    foreign = client.post(
        "/review", data=fields(text) | {"category": MUGS}, headers={"Origin": "http://evil.org"}
    )
    assert foreign.status_code == 403 and not said(engine)
    assert "Nothing to decide" in client.post("/review", data=fields(text) | {"category": MUGS}).text
    (found,) = said(engine)
    assert (found.product_id, found.category, found.who) == ("a", MUGS, "local")
    assert progress(engine, "local").sampled == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"&".join(b"a%d=1" % i for i in range(400)), 400),
        ("category=ü".encode(), 400),
        (b"%ff%fe=%00", 400),
        (b"action=decide&token=%F0%9F%8D%B5", 403),
        (b"x" * 33 * 2**20, 413),
        (b"action=sign_in&key=" + b"%00" * 1000, 401),
    ],
)
def test_a_hostile_form_is_refused_in_words(page, body, status):
    client, engine = page
    filled(engine, DISTINCT[:1])
    sign_in(client)
    found = client.post(
        "/review", content=body, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert found.status_code == status and "Traceback" not in found.text and not said(engine)
    assert client.get("/review").status_code == 200


@pytest.mark.parametrize("name", ["0" * 32, "..%2f..%2fkeys.txt", "%00", "x" * 5000])
def test_a_picture_of_no_product_is_none(page, name):
    client, _ = page
    sign_in(client)
    assert client.get(f"/review/picture/{name}").status_code == 404


def test_a_null_character_is_no_matter_for_any_database(url, settings, serve):
    """PostgreSQL takes none in a text."""
    client = serve(replace(settings, database=url, review=ONE))
    engine = client.app.state.service.engine
    filled(engine, DISTINCT[:1])
    form = fields(client.get("/review").text)
    refused = client.post("/review", data=form | {"category": MUGS, "review": "\0" * 32})
    assert refused.status_code == 422 and client.get("/review/picture/%00").status_code == 404
    assert client.post("/review", data=form | {"category": MUGS, "why": "a\0b\r\nc"}).status_code == 200
    assert [each.why for each in said(engine)] == ["a b c"]
