"""Measure the service against `mlflow models serve` and LitServe.

Each server is loaded by wrk over loopback, with 32 connections; `unbatched` is the service with `--batch 1`,
and both are asked one by one, in turns. Each server has the model once: LitServe in a process of its own
beside the one that talks to clients, with its batches and either of its queues, of which the faster counts;
the service and MLflow in one process. What is compared is what a client gets: requests per second, and the
95th percentile of a request's time. The first answers are compared with those of `predict`.

  python tools/bench_service.py

measures a package of text: champion, or where that reads pictures too, the model of words, which is packaged
for it. wrk is Debian's (apt-get install wrk); LitServe, where it is not installed, is put into a folder that
goes away. It takes four minutes. What else the result's file has, such as the soak's figures, stays.
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
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # where this runs as a script

import numpy as np
import pandas as pd

from aisle.catalogue.columns import CatalogueParams
from aisle.catalogue.images import ImagesParams
from aisle.catalogue.text_forms import TextParams
from aisle.deployment import packaging
from aisle.deployment.predictor import Predictor
from aisle.models.predictions_table import PREFIX
from aisle.pipeline import atomic, cli
from aisle.pipeline.errors import AisleError
from aisle.pipeline.params import Section, load_params

ROOT = Path(__file__).resolve().parents[1]
RESULT = ROOT / "docs" / "benchmarks" / "service.json"
BODIES = 64
LITSERVE, PEERS = "litserve==0.2.19", "peers"
"""What is installed for the measurement, without what it needs, which the service needs too; and where."""
WORD_MODEL = "text_specifications"
WARM = 20
"""Requests that are not counted."""
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
    litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=len(sys.argv) > 3).run(
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
    """Return title and description of products of the built-in catalogue."""
    table = pd.read_csv(ROOT / "data/sample/products.csv", usecols=["title", "description"], dtype=str)
    rows = table.dropna()[:BODIES].itertuples(index=False)
    return [{"title": str(row.title), "description": str(row.description)} for row in rows]


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
    places = [str(ROOT), str(folder / PEERS), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
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


def idle(addresses: dict[str, str], bodies: list[Any], n: int) -> dict[str, list[float]]:
    """Return the ms of n requests to each server, one after the other, in turns, a connection each."""
    from http.client import HTTPConnection

    places = {name: address.removeprefix("http://").partition("/") for name, address in addresses.items()}
    connections = {name: HTTPConnection(host, timeout=30) for name, (host, _, _) in places.items()}
    times: dict[str, list[float]] = {name: [] for name in addresses}
    for i in range(n + WARM):
        body = json.dumps(bodies[i % len(bodies)])
        for name in [*places] if i % 2 else [*places][::-1]:
            began = time.perf_counter()
            kind = {"Content-Type": "application/json"}
            connections[name].request("POST", f"/{places[name][2]}", body, kind)
            connections[name].getresponse().read()
            times[name].append((time.perf_counter() - began) * 1e3)
    return {name: each[WARM:] for name, each in times.items()}


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
    (folder / "lit.py").write_text(LIT)
    for name, flags in (("litserve", []), ("litserve_zmq", ["zmq"])):
        port = free_port()
        command = [python, "lit.py", str(package), str(port), *flags]
        found[name] = command, f"http://127.0.0.1:{port}/predict", dict
    return found


def probability(answer: Any) -> dict[str, float]:
    """Return the probabilities of a server's answer, whatever its form."""
    if "predictions" in answer:
        answer = answer["predictions"][0]
    if "probabilities" in answer:
        return dict(answer["probabilities"])
    return {name.removeprefix(PREFIX): value for name, value in answer.items() if name.startswith(PREFIX)}


def install_peers(folder: Path) -> None:
    """Put LitServe into a folder, where it is not installed."""
    if find_spec("litserve") is None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
        subprocess.run([*pip, LITSERVE], check=True)


def text_package(name: str, folder: Path) -> Path:
    """Return a package that reads text alone: the named one, or else the model of words, packaged here."""
    package = packaging.find(name).resolve()
    if packaging.read(package).modalities == ["text"]:
        return package
    file, label = ROOT / "params.yaml", packaging.read(package).catalogue
    sections: list[Section] = [
        load_params(file, "text", TextParams),
        load_params(file, "images", ImagesParams),
    ]
    sections.append(load_params(file, "catalogue", CatalogueParams).columns)
    source = packaging.Source.of(
        ROOT / "models", ROOT / "reports/evaluation", label, sections, ROOT / "data/images.parquet"
    )
    source.assemble(WORD_MODEL, folder / WORD_MODEL)
    return folder / WORD_MODEL


def measure(package: Path, seconds: int, calls: int, rounds: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Return the figures of each server: the best of some rounds, since a busy machine only costs."""
    sent, known = products(), Predictor(package).predict(pd.DataFrame(products()[:1]))
    expected = {name: known[PREFIX + name][0] for name in packaging.read(package).categories}
    found: dict[str, dict[str, Any]] = {}
    times: dict[str, list[float]] = {"aisle": [], "unbatched": []}
    listed = servers(package, folder)
    for _ in range(rounds):
        for name, (command, address, form) in listed.items():
            bodies = [form(each) for each in sent]
            with running(name, command, address, bodies[0], folder) as (_, answer):
                said = probability(answer)
                if not np.allclose([said[each] for each in expected], [*expected.values()], atol=1e-6):
                    raise AisleError(f"{name} must say what `predict` says; it does not")
                many = load(address, bodies, 32, seconds, folder)
            print(f"{name:<12} {many['rps']:7.1f} requests/s", file=sys.stderr)
            found[name] = max(found.get(name, many), many, key=lambda each: each["rps"])
        with ExitStack() as stack:
            for name in times:
                command, address, _ = listed[name]
                stack.enter_context(running(name, command, address, sent[0], folder))
            for name, each in idle({name: listed[name][1] for name in times}, sent, calls).items():
                times[name] += each
    for name, each in times.items():
        found[name]["idle_p95_ms"] = round(float(np.percentile(each, 95)), 3)
    return found


def summary(found: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """Return the ratios that are asked for."""
    ours, alone = found["aisle"], found["unbatched"]
    peers = [each["rps"] for name, each in found.items() if name not in ("aisle", "unbatched")]
    return {
        "rps_vs_mlflow": round(ours["rps"] / found["mlflow"]["rps"], 2),
        "rps_vs_best_peer": round(ours["rps"] / max(peers), 2),
        "idle_p95_ratio": round(ours["idle_p95_ms"] / alone["idle_p95_ms"], 2),
        "saturated_ratio": round(ours["rps"] / alone["rps"], 2),
    }


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", default="champion", help="package, or its name below packages/ (%(default)s)"
    )
    parser.add_argument("--seconds", type=int, default=6, help="of load for each server (%(default)s)")
    parser.add_argument("--calls", type=int, default=400, help="a round, one by one (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="in turns; the best counts (%(default)s)")
    parser.add_argument("--output", default=str(RESULT), metavar="PATH", help="(%(default)s)")
    args = parser.parse_args()
    if shutil.which("wrk") is None:
        raise AisleError("wrk must be installed to load the servers; it is not: apt-get install wrk")
    with tempfile.TemporaryDirectory(prefix="aisle-bench-") as name:
        folder = Path(name)
        install_peers(folder / PEERS)
        package = text_package(args.model, folder)
        found = measure(package, args.seconds, args.calls, args.rounds, folder)
        facts = packaging.read(package)
    result = summary(found) | {
        "package": {"model": facts.model, "catalogue": facts.catalogue, "modalities": facts.modalities},
        "cores": os.cpu_count(),
        "seconds": args.seconds,
        "rounds": args.rounds,
        "servers": found,
    }
    output = Path(args.output)
    before = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}
    atomic.write_text(output, json.dumps(before | result, indent=2) + "\n")
    print(json.dumps(summary(found)))


if __name__ == "__main__":
    cli.run(main, children=True)
