"""The service as it is started: a process, a port, signals, logs."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from urllib.error import URLError

import pyarrow.parquet as pq
import pytest

from aisle.pipeline import cli
from aisle.service import __main__, export, keys, logs
from aisle.service.store import database

REPO = Path(__file__).parents[3]
UNNEEDED = {
    "torch",
    "tensorflow",
    "keras",
    "dvc",
    "mlflow",
    "shap",
    "spacy",
    "cv2",
}
KEY = "aisle_a-key"
SECRET = "Zugspitzenkaffeetasse"


class Process:
    """A service on a free port."""

    def __init__(self, folder, *flags, **environment):
        self.folder = folder
        command = [sys.executable, "-m", "aisle.service", "--port", "0", *flags]
        env = os.environ | {"PYTHONPATH": str(REPO), "PYTHONUNBUFFERED": "1"} | environment
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=self.log, stderr=subprocess.STDOUT
        )
        self.port = self._port()

    def _port(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise AssertionError(self.lines())
            for line in self.lines():
                if "running on" in line.get("event", ""):
                    return int(line["event"].split(":")[-1].split()[0])
            time.sleep(0.05)
        raise AssertionError(self.lines())

    def lines(self):
        """Return the log so far; every line must be JSON."""
        text = (self.folder / "log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def post(self, body, path="/v1/classify", **headers):
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(
            url, json.dumps(body).encode(), {"Content-Type": "application/json"} | headers
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()


@pytest.fixture
def folder(packages, tmp_path):
    return tmp_path


def test_a_stop_under_load_loses_nothing_that_was_accepted(folder):
    """What was answered reached its client and is in the store; other connections were not accepted."""
    digest = sha256(KEY.encode()).hexdigest()
    service = Process(folder, AISLE_API_KEYS=f"shop:{digest}")
    with pytest.raises(URLError, match="401"):
        service.post({"title": "tea"})
    sent = {"products": [{"title": SECRET}] * 20}
    answered, stopped = [], []

    def ask(i):
        while not stopped:
            try:
                answered.append(service.post(sent, **{"X-API-Key": KEY})["predictions"])
            except (URLError, ConnectionResetError) as error:
                refused = isinstance(error, ConnectionResetError) or isinstance(
                    error.reason, ConnectionRefusedError | ConnectionResetError
                )
                assert refused, error
                return

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, i) for i in range(8)]
        while len(answered) < 20:
            time.sleep(0.01)
        service.stop()
        stopped.append(True)
        for each in asking:
            each.result()
    engine = database.open_store(f"sqlite:///{folder}/service.db")
    export.export(engine, "predictions", folder / "kept.parquet")
    kept = set(pq.read_table(folder / "kept.parquet").column("id").to_pylist())
    assert all(len(each) == 20 for each in answered)
    assert kept == {one["prediction_id"] for each in answered for one in each}
    # a request is a line of JSON with its id, and no word of a product or of a key
    text = (folder / "log").read_text()
    assert SECRET not in text and KEY not in text and "Traceback" not in text
    requests = [line for line in service.lines() if line["event"] == "request" and line["status"] == 200]
    assert len(requests) == len(answered) and all(len(line["request_id"]) == 32 for line in requests)
    assert "Finished" in service.lines()[-1]["event"]


def test_nothing_of_a_framework_or_of_the_pipeline_is_imported(folder):
    """What the extra `serve` does not install must not be needed."""
    code = (
        "import sys; from aisle.service import app, state; from aisle.service.settings import Settings;"
        "from pathlib import Path; s = state.make(Settings(packages=Path('packages')));"
        "app.create(s).openapi(); s.serving.current.answers([{'title': 'x'}]);"
        f"print(*sorted({{*sys.modules}} & {UNNEEDED}))"
    )
    environment = os.environ | {"PYTHONPATH": str(REPO)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.parametrize(
    ("flags", "environment", "word"),
    [
        (["--model", "nothing"], {}, "must be the folder of a package"),
        (["--host", "0.0.0.0"], {}, "must have API keys"),
        (["--keys", "nothing"], {}, "must be a text file of keys"),
        ([], {"AISLE_API_KEYS": "a:b"}, "NAME:SHA256"),
        ([], {"AISLE_DATABASE_URL": "nonsense"}, "must be a URL"),
        (["--review-strategy", "x"], {}, "a queue strategy must be one of diverse, random_share, uncertain"),
    ],
)
def test_a_wrong_start_is_one_line(folder, monkeypatch, capsys, flags, environment, word):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["service", *flags])
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(logs, "configure", lambda: None)
    with pytest.raises(SystemExit) as ended:
        cli.run(__main__.main)
    told = capsys.readouterr().err
    assert ended.value.code == 2 and word in told and len(told.splitlines()) == 1


def test_a_key_that_was_made_is_known_and_shown_once(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["keys", "shop", "--admin"])
    keys.main()
    said = capsys.readouterr()
    secret = said.err.split()[-1]
    assert secret not in said.out
    known = keys.parse(said.out.splitlines(), "x")
    found = keys.find(known, secret)
    assert found is not None and found.name == "shop" and found.admin
    assert keys.find(known, secret + "x") is None
