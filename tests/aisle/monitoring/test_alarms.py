"""Alarms: Prometheus' rules and Alertmanager's route with the real programs, and notify once per event."""

import json
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import urlopen

import pandas as pd
import pytest

from aisle.monitoring import alarms, notify
from aisle.pipeline.errors import AisleError

ROOT = Path(__file__).parents[3]
FILES = ROOT / "docker" / "monitoring"
PROGRAMS = ("promtool", "prometheus", "prometheus-alertmanager", "amtool")
DETECTORS = pd.DataFrame(
    {
        "batch": ["2026-03-02"] * 2,
        "detector": ["text", "image"],
        "p_holm": [0.004, 0.7],
        "alarm": [True, False],
    }
)
BATCHES = pd.DataFrame(
    [{"batch": "2026-03-02", "products": 42, "expected_accuracy": 0.9, "expected_accuracy_low": 0.8,
      "expected_accuracy_high": 0.95}]
)  # fmt: skip
KEPT = {"broken": 0}


@pytest.fixture
def installed():
    if missing := [name for name in PROGRAMS if not shutil.which(name)]:
        pytest.skip(
            f"Debian's {', '.join(missing)} not installed: apt-get install prometheus prometheus-alertmanager"
        )


def port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextmanager
def served(answers=()):
    """Serve `answers` by path; what is posted is kept."""
    got, given = [], dict(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def do_GET(self):
            self.send_response(200 if self.path in given else 404)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(given.get(self.path, "").encode())

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def running(*command, cwd):
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def waited(what, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return True
        time.sleep(0.2)
    return False


def answers(url):
    try:
        return urlopen(url, timeout=1).status == 200
    except OSError:
        return False


def test_the_rules_fire_where_they_must(installed):
    for command in (
        ("promtool", "check", "config", "prometheus.yml"),
        ("promtool", "test", "rules", "rules_test.yml"),
        ("amtool", "check-config", "alertmanager.yml"),
    ):
        done = subprocess.run(command, cwd=FILES, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_each_alarm_has_its_runbook_and_the_dashboard_asks_for_what_there_is():
    import yaml

    rules = [
        rule
        for group in yaml.safe_load((FILES / "rules.yml").read_text())["groups"]
        for rule in group["rules"]
    ]
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for rule in rules:
        assert f"### {rule['alert']}\n" in page
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
    panels = json.loads((FILES / "dashboard.json").read_text())["panels"]
    asked = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    metrics = (ROOT / "aisle" / "service" / "metrics.py").read_text() + (
        ROOT / "aisle" / "monitoring" / "alarms.py"
    ).read_text()
    import re

    for name in {*re.findall(r"aisle_[a-z_]+", asked + " ".join(rule["expr"] for rule in rules))}:
        assert f'"{re.sub("_(total|bucket)$", "", name)}"' in metrics


def test_a_planted_alarm_arrives_at_a_webhook(installed, tmp_path):
    """Gauges of a drifted week go through Prometheus, the repository's rules and route, to a webhook."""
    gauges = alarms.exposition(DETECTORS, BATCHES, KEPT)
    with served({"/monitoring/aisle.prom": gauges}) as (web, got):
        own, manager = port(), port()
        config = (FILES / "prometheus.yml").read_text()
        config = config.replace("report:8080", f"127.0.0.1:{web}").replace(
            "alertmanager:9093", f"127.0.0.1:{manager}"
        )
        config = config.replace("service:8000", "127.0.0.1:1").replace("15s", "1s")
        (tmp_path / "prometheus.yml").write_text(config)
        shutil.copy(FILES / "rules.yml", tmp_path)
        route = (
            (FILES / "alertmanager.yml").read_text().replace("host.docker.internal:9099", f"127.0.0.1:{web}")
        )
        (tmp_path / "alertmanager.yml").write_text(route.replace("group_wait: 10s", "group_wait: 1s"))
        alertmanager = (
            "prometheus-alertmanager", "--config.file=alertmanager.yml", "--storage.path=alerts",
            f"--web.listen-address=127.0.0.1:{manager}", "--cluster.listen-address=",
        )  # fmt: skip
        prometheus = (
            "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=series",
            f"--web.listen-address=127.0.0.1:{own}",
        )  # fmt: skip
        with running(*alertmanager, cwd=tmp_path):
            assert waited(lambda: answers(f"http://127.0.0.1:{manager}/-/ready"))
            with running(*prometheus, cwd=tmp_path):
                assert waited(lambda: got)
        firing = [alert["labels"] for alert in got[0]["alerts"]]
    assert [(each["alertname"], each["detector"]) for each in firing] == [("AisleDrift", "text")]


def test_notify_sends_each_event_once_with_its_figure(tmp_path, monkeypatch, capsys):
    found = alarms.of_batches(DETECTORS, 0.05)
    found += alarms.of_promise(
        {"broken": 1, "broken_on": "2026-03-05", "automatic_error_low": 0.07, "target_error_share": 0.05},
        "2026-03-02",
    )
    assert [each.key for each in found] == ["2026-03-02/text", "promise/2026-03-05"]
    path, state = tmp_path / "alarms.json", tmp_path / "sent.json"
    path.write_text(json.dumps([each.plain() for each in found]))
    with served() as (web, got):
        command = [
            "notify",
            "--alarms",
            str(path),
            "--state",
            str(state),
            "--link",
            "https://shop.example/r/",
        ]
        monkeypatch.setattr("sys.argv", [*command, "--to", f"json://127.0.0.1:{web}/alarms"])
        notify.main()
        notify.main()
        assert capsys.readouterr().out.splitlines() == ["2 alarms sent", "0 alarms sent"]
    assert len(got) == 2
    assert "https://shop.example/r/index.html#figure-drift" in got[0]["message"]
    assert json.loads(state.read_text()) == ["2026-03-02/text", "promise/2026-03-05"]


def test_an_alarm_that_cannot_be_sent_is_tried_again(tmp_path):
    state = tmp_path / "sent.json"
    found = alarms.of_batches(DETECTORS, 0.05)
    with pytest.raises(AisleError, match=r"did not\. 0 were sent; the others are tried again"):
        notify.send(found, [f"json://127.0.0.1:{port()}"], "", state)
    assert notify.unsent(found, state) == found
    with pytest.raises(AisleError, match="number 2 is none") as error:
        notify.send(found, ["json://127.0.0.1", "secret"], "", state)
    assert "secret" not in str(error.value)
