"""Measure the service against `mlflow models serve` and LitServe.

Each server is loaded by wrk over loopback, with 32 connections, and asked one by one; `unbatched` is the
service with `--batch 1`. Servers are one process each. What is compared is what a client gets: requests per
second, and the 95th percentile of a request's time. The first answers are compared with those of `predict`.

  python tools/bench_service.py --model packages/champion

wrk is Debian's (apt-get install wrk); LitServe is measured where it is installed.
"""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

import numpy as np
import pandas as pd

from aisle.deployment import packaging
from aisle.deployment.predictor import Predictor
from aisle.models.predictions_table import PREFIX
from aisle.pipeline import atomic, cli
from aisle.pipeline.errors import AisleError

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "docs" / "benchmarks" / "service.json"
WORDS = [
    "wall",
    "clock",
    "quartz",
    "silent",
    "steel",
    "lamp",
    "desk",
    "bulb",
    "mug",
    "coffee",
    "handle",
    "blue",
    "red",
    "large",
    "gift",
    "home",
    "set",
    "of",
    "two",
]
BODIES = 64
START = 120
"""Seconds that a server may take until it answers."""
LIT = """
import sys
import pandas as pd
import litserve
from aisle.deployment.predictor import Predictor, as_json

class Api(litserve.LitAPI):
    def setup(self, device):
        self.predictor = Predictor(sys.argv[1])
    def decode_request(self, request):
        return request
    def batch(self, inputs):
        return pd.DataFrame(inputs)
    def predict(self, table):
        return as_json(self.predictor.predict(table))
    def unbatch(self, output):
        return output
    def encode_response(self, output):
        return output

if __name__ == "__main__":
    api = Api(max_batch_size=64, batch_timeout=0.005)
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1).run(
        port=int(sys.argv[2]), generate_client_file=False, log_level="warning")
"""
LUA = """
local bodies, i = {}, 0
for line in io.lines("%s") do bodies[#bodies + 1] = line end
wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
request = function()
  i = i %% #bodies + 1
  return wrk.format(nil, nil, nil, bodies[i])
end
"""


def products() -> list[dict[str, str]]:
    """Return products of some words each."""
    rng = np.random.default_rng(0)
    return [
        {"title": " ".join(rng.choice(WORDS, 5)), "description": " ".join(rng.choice(WORDS, 40))}
        for _ in range(BODIES)
    ]


def of_mlflow(product: dict[str, str]) -> dict[str, Any]:
    """Return a product as MLflow's server reads it."""
    return {"dataframe_split": {"columns": [*product], "data": [[*product.values()]]}}


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def ready(address: str) -> bool:
    """Whether a service says that requests may be sent to it."""
    try:
        with urlopen(f"{address}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, ConnectionError):  # nobody listens yet, or it says 503
        return False


def post(address: str, body: Any) -> Any:
    """Return the answer to one request."""
    data = json.dumps(body).encode()
    with urlopen(Request(address, data, {"Content-Type": "application/json"}), timeout=30) as answer:
        return json.load(answer)


@contextmanager
def running(
    name: str, command: list[str], address: str, body: Any, folder: Path
) -> Iterator[tuple[int, Any]]:
    """Run a server until the end; give its process and its first answer.

    Raises
    ------
    AisleError
        If it does not answer.
    """
    log = folder / f"{name}.log"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    with log.open("wb") as file:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=file, stderr=file, start_new_session=True
        )
        try:
            end = time.monotonic() + START
            while True:
                try:
                    answer = post(address, body)
                    break
                except (URLError, ConnectionError) as error:
                    if server.poll() is not None or time.monotonic() > end:
                        said = log.read_text(errors="replace")[-600:]
                        raise AisleError(f"{name} must answer; it does not ({error}): {said}") from None
                    time.sleep(0.2)
            yield server.pid, answer
        finally:
            with suppress(ProcessLookupError):  # it has ended by itself, and what raises says so
                os.killpg(server.pid, 15)
                try:
                    server.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(server.pid, 9)


def load(address: str, bodies: list[Any], connections: int, seconds: int, folder: Path) -> dict[str, float]:
    """Return what wrk measures, after a second to warm up.

    Raises
    ------
    AisleError
        If an answer is none.
    """
    (folder / "bodies").write_text("\n".join(json.dumps(body) for body in bodies))
    (folder / "post.lua").write_text(LUA % (folder / "bodies"))
    found: dict[str, float] = {}
    for duration in (1, seconds):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{duration}s", "--latency", "--timeout", "30s"]
        done = subprocess.run(
            [*command, "-s", str(folder / "post.lua"), address], capture_output=True, text=True, check=True
        )
        if re.search(r"Non-2xx|Socket errors", done.stdout):
            raise AisleError(f"{address} must answer every request; it does not: {done.stdout}")
        rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
        times = {share: _ms(done.stdout, share) for share in (50, 99)}
        if rate is None:
            raise AisleError(f"wrk must tell a rate; it says: {done.stdout}")
        found = {
            "rps": float(rate[1]),
            "p50_ms": times[50],
            "p99_ms": times[99],
            "p90_ms": _ms(done.stdout, 90),
        }
    return found


def _ms(text: str, share: int) -> float:
    """Return a percentile of wrk's, in milliseconds."""
    match = re.search(rf"\b{share}%\s+([\d.]+)(us|ms|s|m)\b", text)
    if match is None:
        raise AisleError(f"wrk must tell the percentile {share}; it says: {text}")
    return round(float(match[1]) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[match[2]], 3)


def idle_p95(address: str, bodies: list[Any], n: int) -> float:
    """Return the 95th percentile in ms of requests one after the other, on one connection."""
    from http.client import HTTPConnection

    host, _, path = address.removeprefix("http://").partition("/")
    connection, times = HTTPConnection(host, timeout=30), []
    for i in range(n + 20):
        body = json.dumps(bodies[i % len(bodies)])
        began = time.perf_counter()
        connection.request("POST", f"/{path}", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        times.append(time.perf_counter() - began)
    return round(float(np.percentile(times[20:], 95)) * 1e3, 3)


def servers(package: Path, folder: Path) -> dict[str, tuple[list[str], str, Any]]:
    """Return each server: its command, its address, and how a product is sent to it."""
    import mlflow.pyfunc

    mlflow.pyfunc.save_model(
        folder / "mlflow", loader_module="aisle.deployment.mlflow_model", data_path=str(package)
    )
    python = sys.executable
    found: dict[str, tuple[list[str], str, Any]] = {}
    for name, flags in (("aisle", []), ("unbatched", ["--batch", "1"])):
        port = free_port()
        store = ["--database", f"sqlite:///{folder}/{name}.db"]
        command = [
            python,
            "-m",
            "aisle.service",
            "--model",
            str(package),
            "--port",
            str(port),
            *store,
            *flags,
        ]
        found[name] = command, f"http://127.0.0.1:{port}/v1/classify?probabilities=true", dict
    port = free_port()
    serve = [
        "models",
        "serve",
        "-m",
        "mlflow",
        "--env-manager",
        "local",
        "--port",
        str(port),
        "--workers",
        "1",
    ]
    found["mlflow"] = [python, "-m", "mlflow", *serve], f"http://127.0.0.1:{port}/invocations", of_mlflow
    if find_spec("litserve"):
        (folder / "lit.py").write_text(LIT)
        port = free_port()
        found["litserve"] = (
            [python, "lit.py", str(package), str(port)],
            f"http://127.0.0.1:{port}/predict",
            dict,
        )
    return found


def probability(answer: Any) -> dict[str, float]:
    """Return the probabilities of a server's answer, whatever its form."""
    if "predictions" in answer:
        answer = answer["predictions"][0]
    if "probabilities" in answer:
        return dict(answer["probabilities"])
    return {name.removeprefix(PREFIX): value for name, value in answer.items() if name.startswith(PREFIX)}


def measure(package: Path, seconds: int, calls: int, rounds: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Return the figures of each server: the best of some rounds, since a busy machine only costs."""
    sent, known = products(), Predictor(package).predict(pd.DataFrame(products()[:1]))
    expected = {name: known[PREFIX + name][0] for name in packaging.read(package).categories}
    found: dict[str, dict[str, Any]] = {}
    listed = servers(package, folder)
    for _ in range(rounds):
        for name, (command, address, form) in listed.items():
            bodies = [form(each) for each in sent]
            with running(name, command, address, bodies[0], folder) as (_, answer):
                said = probability(answer)
                if not np.allclose([said[each] for each in expected], [*expected.values()], atol=1e-6):
                    raise AisleError(f"{name} must say what `predict` says; it does not")
                one = {"idle_p95_ms": idle_p95(address, bodies, calls)}
                many = load(address, bodies, 32, seconds, folder)
            print(f"{name:<10} {many['rps']:7.1f} requests/s, {one}", file=sys.stderr)
            best = found.setdefault(name, many | one)
            if many["rps"] > best["rps"]:
                best |= many
            best["idle_p95_ms"] = min(best["idle_p95_ms"], one["idle_p95_ms"])
    return found


def summary(found: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """Return the ratios that are asked for."""
    peers = [found[name]["rps"] for name in ("mlflow", "litserve") if name in found]
    return {
        "rps_vs_mlflow": round(found["aisle"]["rps"] / found["mlflow"]["rps"], 2),
        "rps_vs_best_peer": round(found["aisle"]["rps"] / max(peers), 2),
        "idle_p95_ratio": round(found["aisle"]["idle_p95_ms"] / found["unbatched"]["idle_p95_ms"], 2),
        "saturated_ratio": round(found["aisle"]["rps"] / found["unbatched"]["rps"], 2),
    }


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", default="champion", help="package, or its name below packages/ (%(default)s)"
    )
    parser.add_argument("--seconds", type=int, default=8, help="of load for each server (%(default)s)")
    parser.add_argument("--calls", type=int, default=300, help="one after the other (%(default)s)")
    parser.add_argument("--rounds", type=int, default=2, help="in turns; the best counts (%(default)s)")
    parser.add_argument("--output", default=str(RESULT), metavar="PATH", help="(%(default)s)")
    args = parser.parse_args()
    if shutil.which("wrk") is None:
        raise AisleError("wrk must be installed to load the servers; it is not: apt-get install wrk")
    package = packaging.find(args.model).resolve()
    with tempfile.TemporaryDirectory(prefix="aisle-bench-") as folder:
        found = measure(package, args.seconds, args.calls, args.rounds, Path(folder))
    facts = packaging.read(package)
    result = summary(found) | {
        "package": {"model": facts.model, "catalogue": facts.catalogue, "modalities": facts.modalities},
        "cores": os.cpu_count(),
        "seconds": args.seconds,
        "rounds": args.rounds,
        "servers": found,
    }
    atomic.write_text(args.output, json.dumps(result, indent=2) + "\n")
    print(json.dumps(summary(found)))


if __name__ == "__main__":
    cli.run(main, children=True)
