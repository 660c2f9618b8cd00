"""The store, on SQLite and on a real PostgreSQL: what is answered is kept, whatever the database does."""

import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta

import pyarrow.parquet as pq
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import func, insert, select, text

from aisle.pipeline.errors import AisleError
from aisle.service import export
from aisle.service.metrics import Metrics
from aisle.service.store import database
from aisle.service.store.tables import Base, Feedback, Prediction, Review, now
from aisle.service.store.writer import Writer, forget


def row(i, **changed):
    """Return one row of predictions."""
    facts = {
        "id": f"{i:032x}",
        "at": now() - timedelta(seconds=100 - i),
        "request_id": "r",
        "place": i,
        "client": "local",
        "product_id": f"sku-{i}",
        "input_digest": "0" * 64,
        "model": "both",
        "model_digest": "1" * 64,
        "role": "champion",
        "category": "Mugs",
        "probability": 0.1 + 0.2,
        "probabilities": {"Mugs": 1 / 3, "Häuser >> Clocks": 2 / 3},
        "threshold": None,
        "needs_person": True,
        "reasons": ["below_bound"],
        "queue_ms": 0.5,
        "predict_ms": 1.25,
    }
    return facts | changed


def count(engine, table=Prediction):
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar()


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def test_migrations_make_the_tables_that_the_code_has(url):
    engine = database.open_store(url)
    database.open_store(url).dispose()  # again: nothing to do
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_a_store_of_before_the_review_is_brought_up_to_date(url):
    """Its rows stay, with what the new columns mean of them."""
    engine = database.connect(url)
    with engine.begin() as connection:
        command.upgrade(database.config(connection), "0001")
        connection.execute(
            text(
                "INSERT INTO reviews (id, at, prediction_id, strategy, weight, state) "
                "VALUES ('1', '2026-05-01 10:00:00', '2', 'random', 4, 'open')"
            )
        )
    engine.dispose()
    engine = database.open_store(url)
    with engine.connect() as connection:
        (row,) = connection.execute(select(Review)).mappings().all()
    assert (row["weight"], row["admitted"], row["drawn"], row["wanted"]) == (4.0, 1.0, False, 1)
    assert row["place"] is None and row["leader"] is None
    engine.dispose()


def test_answers_and_feedback_are_kept(url, settings, serve):
    client = serve(replace(settings, database=url))
    engine = client.app.state.service.engine
    answer = client.post(
        "/v1/classify", json={"products": [{"id": "a", "title": "quartz dial"}, {"title": "tea"}]}
    )
    first = answer.json()["predictions"][0]
    until(lambda: count(engine) == 2)
    with engine.connect() as connection:
        kept = connection.execute(select(Prediction).order_by(Prediction.place)).mappings().all()
    assert [each["product_id"] for each in kept] == ["a", None]
    assert kept[0]["id"] == first["prediction_id"] and kept[0]["category"] == first["category"]
    assert kept[0]["probability"] == first["probability"] == max(kept[0]["probabilities"].values())
    assert kept[0]["model_digest"] == answer.json()["model"]["digest"] and kept[0]["client"] == "local"
    assert not any("quartz" in str(value) for value in kept[0].values())
    told = {"prediction_id": first["prediction_id"], "category": "Mugs", "comment": "ein Becher 🍵"}
    noted = client.post("/v1/feedback", json=told)
    assert noted.status_code == 200, noted.text
    with engine.connect() as connection:
        (said,) = connection.execute(select(Feedback)).mappings().all()
    assert said["id"] == noted.json()["feedback_id"] and said["product_id"] == "a" and said["who"] == "local"
    assert said["category"] == "Mugs" and said["comment"] == told["comment"]
    refused = client.post("/v1/feedback", json=told | {"category": "Cars"})
    assert refused.status_code == 422 and "Home >> Clocks" in refused.json()["detail"]


def test_the_same_rows_give_the_same_bytes(tmp_path, server):
    """Also from another kind of database, to which they came in another order."""
    rows, files = [row(i) for i in range(50)], []
    for name, url, order in (("a", f"sqlite:///{tmp_path}/a.db", 1), ("b", server.url, -1)):
        engine = database.open_store(url)
        with engine.begin() as connection:
            connection.execute(Prediction.__table__.delete())
            connection.execute(insert(Prediction), rows[::order])
        assert export.export(engine, "predictions", tmp_path / name) == 50
        files.append((tmp_path / name).read_bytes())
        engine.dispose()
    assert files[0] == files[1]
    table = pq.read_table(tmp_path / "a").to_pylist()
    assert table[0]["product_id"] == "sku-0" and table[0]["probability"] == 0.1 + 0.2
    assert table[0]["at"].isoformat() == rows[0]["at"].isoformat()


def test_the_command_exports_every_table(settings, tmp_path, monkeypatch, capsys):
    engine = database.open_store(settings.database)
    with engine.begin() as connection:
        connection.execute(insert(Prediction), [row(1)])
    engine.dispose()
    flags = ["--database", settings.database, "--output", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["export", *flags])
    export.main()
    assert "1 rows of predictions" in capsys.readouterr().out
    found = {path.name: pq.read_metadata(path).num_rows for path in (tmp_path / "out").iterdir()}
    assert found == {"predictions.parquet": 1, "feedback.parquet": 0, "reviews.parquet": 0} | {
        "judgements.parquet": 0
    }


def test_what_is_old_is_forgotten_and_nothing_else(url):
    engine = database.open_store(url)
    old = now() - timedelta(days=91)
    with engine.begin() as connection:
        connection.execute(insert(Prediction), [row(i, at=old) for i in range(1200)] + [row(5000)])
        said = {"id": "1" * 32, "at": old, "prediction_id": f"{1:032x}", "product_id": None}
        connection.execute(insert(Feedback), [said | {"category": "Mugs", "who": "x", "comment": ""}])
    assert forget(engine, 90) == 1200
    assert count(engine) == 1 and count(engine, Feedback) == 1
    engine.dispose()


def test_more_than_may_wait_is_dropped_and_counted(url):
    """The newest stay; a row that is given twice is there once."""
    metrics, engine = Metrics(), database.open_store(url)
    writer = Writer(engine, 10, 90, metrics)
    writer.add([row(i) for i in range(25)])
    writer.add([row(24)])
    writer.start()
    writer.close()
    with engine.connect() as connection:
        places = sorted(connection.execute(select(Prediction.place)).scalars())
    assert places == list(range(16, 25))
    assert metrics.registry.get_sample_value("aisle_store_dropped_total") == 16
    engine.dispose()


@pytest.mark.parametrize("wrong", [{"category": None}, {"at": "yesterday"}, {"probabilities": {1, 2}}])
def test_a_row_that_no_database_takes_costs_itself_alone(url, wrong):
    metrics, engine = Metrics(), database.open_store(url)
    writer = Writer(engine, 10, 90, metrics)
    writer.add([row(1), row(2, **wrong), row(3)])
    writer.start()
    writer.close()
    assert count(engine) == 2
    assert metrics.registry.get_sample_value("aisle_store_dropped_total") == 1
    assert metrics.registry.get_sample_value("aisle_store_written_total") == 2
    engine.dispose()


def test_a_database_that_stops_costs_no_answer_and_no_row(server, settings, serve):
    client = serve(replace(settings, database=server.url))
    engine, metrics = client.app.state.service.engine, client.app.state.service.metrics
    before = count(engine)
    server.stop()
    try:
        for _ in range(5):
            assert client.post("/v1/classify", json={"title": "quartz"}).status_code == 200
        until(lambda: metrics.registry.get_sample_value("aisle_store_errors_total") >= 1)
        told = {"prediction_id": "0" * 32, "category": "Mugs"}
        refused = client.post("/v1/feedback", json=told)
        assert refused.status_code == 503 and refused.headers["retry-after"]
    finally:
        server.start()
    until(lambda: metrics.registry.get_sample_value("aisle_store_waiting") == 0, 20)
    assert count(engine) == before + 5
    assert metrics.registry.get_sample_value("aisle_store_dropped_total") == 0


def test_a_full_disk_costs_no_answer(settings, serve):
    """SQLite says of a database that may not grow what it says of a full disk."""
    client = serve(settings)
    engine, metrics = client.app.state.service.engine, client.app.state.service.metrics
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    def full(connection, *_):
        connection.execute(f"PRAGMA max_page_count={pages}")

    database.event.listen(engine, "connect", full)
    engine.dispose()
    sent = {"products": [{"title": "quartz"}] * 200}
    for _ in range(2):
        assert client.post("/v1/classify", json=sent).status_code == 200
    until(lambda: metrics.registry.get_sample_value("aisle_store_errors_total") >= 1)
    database.event.remove(engine, "connect", full)
    engine.dispose()
    until(lambda: count(engine) == 400, 20)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("nonsense", "must be a URL"),
        ("mysql://x/y", "it is mysql"),
        ("sqlite://", "in memory"),
        ("sqlite:////nowhere/at/all.db", "unable to open"),
        ("postgresql://aisle:secret@/x?host=/nowhere", "that can be written"),
    ],
)
def test_a_store_that_cannot_be_had_is_told_in_words(url, word):
    with pytest.raises(AisleError, match=word) as told:
        database.open_store(url)
    assert "secret" not in str(told.value)


def test_services_that_start_at_once_make_the_tables_once(tmp_path):
    """Each in a process of its own; they wait for one another at a file."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom aisle.service.store.database import open_store\n"
        "print('ready', flush=True); sys.stdin.readline(); open_store(sys.argv[1]).dispose()"
    )
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path}/service.db"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = [subprocess.Popen(command, **pipes) for _ in range(4)]
    for each in started:
        assert each.stdout.readline() == "ready\n"
    for each in started:
        each.stdin.write("\n")
        each.stdin.flush()
    errors = [each.communicate(timeout=60)[1] for each in started]
    assert [each.returncode for each in started] == [0] * 4, errors


def test_reviews_are_one_for_each_prediction(url):
    engine = database.open_store(url)
    facts = {"at": now(), "prediction_id": "1" * 32, "strategy": "random", "weight": 1.0, "state": "open"}
    with engine.begin() as connection:
        connection.execute(insert(Review), [facts | {"id": "1" * 32}])
    with pytest.raises(database.SQLAlchemyError), engine.begin() as connection:
        connection.execute(insert(Review), [facts | {"id": "2" * 32}])
    engine.dispose()
