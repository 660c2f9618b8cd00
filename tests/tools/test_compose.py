"""compose.yaml without a Docker engine: its schema, its promises, and each service's command as it stands."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from ruamel.yaml import YAML

from tests.aisle.service.conftest import pristine, two_packages  # noqa: F401

REPO = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PORTS = {
    "report": ("REPORT_PORT", 8080),
    "mlflow": ("MLFLOW_PORT", 5006),
    "jupyter": ("JUPYTER_PORT", 8886),
    "service": ("SERVICE_PORT", 8000),
    "prometheus": ("PROMETHEUS_PORT", 9090),
    "alertmanager": ("ALERTMANAGER_PORT", 9093),
}
INSIDE = {"database"}
"""Services that nobody outside reaches."""
IMAGES = {
    "database": (r"postgres:\d+-bookworm", "999:999"),
    "prometheus": (r"prom/prometheus:v\d+\.\d+\.\d+", "65534:65534"),
    "alertmanager": (r"prom/alertmanager:v\d+\.\d+\.\d+", "65534:65534"),
}
"""Services that are others' images: pinned to a version, and who runs there."""
SECONDS = 120
VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def interpolated(value, environment):
    """Return a value of compose.yaml with `${NAME:-default}` replaced as Compose does, unset or empty."""
    if isinstance(value, dict):
        return {key: interpolated(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [interpolated(item, environment) for item in value]
    if not isinstance(value, str):
        return value
    text = VARIABLE.sub(lambda found: environment.get(found[1]) or found[2], value)
    assert "$" not in text, f"only ${{NAME:-default}} is understood here: {value}"
    return text


def services(**environment):
    content = YAML(typ="safe").load(REPO / "compose.yaml")
    return interpolated(content["services"], environment)


@pytest.mark.parametrize(
    ("command", "file"),
    [
        (["check-jsonschema", "--builtin-schema", "vendor.compose-spec"], "compose.yaml"),
        (["hadolint", "--no-color"], "docker/Dockerfile"),
    ],
)
def test_schema_and_linter(command, file, tmp_path):
    """Both pass; and both would not if the file were wrong."""
    done = subprocess.run([BIN / command[0], *command[1:], REPO / file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (REPO / file).read_text(encoding="utf-8")
    wrong = tmp_path / Path(file).name
    wrong.write_text(text.replace("working_dir", "workdir").replace("--no-cache-dir ", ""), encoding="utf-8")
    done = subprocess.run([BIN / command[0], *command[1:], wrong], capture_output=True, text=True)
    assert done.returncode == 1 and ("workdir" in done.stdout or "DL3042" in done.stdout), done.stdout


def test_ports_of_the_issue_are_open_to_this_machine_alone():
    found = {name: each["ports"] for name, each in services().items() if name not in INSIDE}
    assert not any("ports" in services()[name] for name in INSIDE)
    assert found == {name: [f"127.0.0.1:{port}:{port}"] for name, (_, port) in PORTS.items()}


def test_no_service_is_root_and_each_is_confined(tmp_path):
    for name, each in services().items():
        assert (
            each["user"] == (IMAGES[name][1] if name in IMAGES else "1000:1000")
            and each["read_only"]
            and each["cap_drop"] == ["ALL"]
        )
        assert each["security_opt"] == ["no-new-privileges:true"]
    report, mlflow, jupyter = (services()[name]["volumes"] for name in ("report", "mlflow", "jupyter"))
    assert report == ["./reports:/aisle/reports:ro"]
    assert jupyter[0] == "./:/aisle:ro"
    assert mlflow == [
        "./mlflow.db:/aisle/mlflow.db:ro",
        "./mlruns:/aisle/mlruns:ro",
    ]  # no password: no writing
    place = services(PWD=str(tmp_path))["mlflow"]["volumes"][1]
    assert place == f"./mlruns:{tmp_path}/mlruns:ro"


def test_targets_are_stages_of_the_dockerfile_that_end_as_no_root():
    text = (REPO / "docker/Dockerfile").read_text(encoding="utf-8")
    stages = dict(re.findall(r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM |\Z)", text, re.MULTILINE | re.DOTALL))
    for name, each in services().items():
        if name in IMAGES:
            assert re.fullmatch(IMAGES[name][0], each["image"])
            continue
        assert each["build"] == {"context": ".", "dockerfile": "docker/Dockerfile", "target": name}
        assert re.findall(r"^USER (.*)$", stages[name], re.MULTILINE) == ["1000:1000"]
    assert re.search(r"^FROM python:3\.11\.\d+-slim-\w+ AS base$", text, re.MULTILINE)
    for name in re.findall(r"^COPY (.*) /build/$", text, re.MULTILINE):
        listed = (REPO / ".dockerignore").read_text(encoding="utf-8").splitlines()
        assert all(f"!{file}" in listed and (REPO / file).is_file() for file in name.split())


def test_what_the_commands_run_is_pinned():
    """The images are made of requirements.txt: the programs are in it."""
    pins = (REPO / "requirements.txt").read_text(encoding="utf-8")
    for package in ("mlflow", "jupyterlab", "fastapi", "uvicorn"):
        assert re.search(rf"^{package}==\S+$", pins, re.MULTILINE), package


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a service in a folder like the repository's; it ends after the test."""
    started = []
    for name in ("reports", "notebooks", "home"):
        (tmp_path / name).mkdir()
    if os.geteuid() == 0:  # Jupyter refuses root. In the container it is not; here it may be.
        (tmp_path / "home/jupyter_config.json").write_text('{"ServerApp": {"allow_root": true}}')
    (tmp_path / "reports/index.html").write_text("<title>the report</title>")

    def begin(name, **given):
        port = free_port()
        each = services(**{PORTS[name][0]: str(port)})[name]
        home = tmp_path / "home"
        environment = os.environ | {
            "HOME": str(home),
            "JUPYTER_CONFIG_DIR": str(home),
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
        }
        environment |= each.get("environment", {}) | given
        log = (tmp_path / "log").open("w")
        process = subprocess.Popen(
            each["command"], cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        started.append(process)
        kind, *check = each["healthcheck"]["test"]
        assert kind == "CMD"
        end = time.monotonic() + SECONDS
        while True:
            healthy = subprocess.run(check, env=environment, capture_output=True, text=True).returncode == 0
            if healthy:
                return f"http://127.0.0.1:{port}", tmp_path
            assert process.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text()[-2000:]
            time.sleep(0.5)

    yield begin
    for process in started:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(timeout=20)
                break


def get(url):
    with urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def test_report(start):
    address, root = start("report")
    assert "the report" in get(f"{address}/")
    (root / "reports/index.html").unlink()
    check = services(REPORT_PORT=address.rsplit(":", 1)[1])["report"]["healthcheck"]["test"][1:]
    done = subprocess.run([sys.executable, *check[1:]], capture_output=True, text=True)
    assert done.returncode == 1 and "404" in done.stderr  # without a report it is not healthy


def test_mlflow(start, tmp_path):
    """It shows what was logged, and nobody can write."""
    make = "import mlflow; mlflow.MlflowClient('sqlite:///mlflow.db').create_experiment('logged')"
    subprocess.run([sys.executable, "-c", make], cwd=tmp_path, capture_output=True, check=True)
    before = (tmp_path / "mlflow.db").read_bytes()
    address, root = start("mlflow")
    assert "MLflow" in get(f"{address}/")
    found = get(f"{address}/ajax-api/2.0/mlflow/experiments/get?experiment_id=1")
    assert '"name": "logged"' in found
    create = Request(
        f"{address}/api/2.0/mlflow/experiments/create",
        data=b'{"name": "another"}',
        headers={"Content-Type": "application/json"},
    )
    with pytest.raises(urllib.error.HTTPError) as error:
        urlopen(create, timeout=10)
    assert error.value.code == 503
    assert (root / "mlflow.db").read_bytes() == before
    assert not [path for path in root.iterdir() if path.name.startswith("mlflow.db-")]


def test_jupyter(start):
    """It answers, and shows nothing to those who have no token."""
    address, root = start("jupyter")
    assert '"version"' in get(f"{address}/api")
    with pytest.raises(urllib.error.HTTPError) as error:
        get(f"{address}/api/contents")
    assert error.value.code == 403
    token = re.search(r"token=(\w+)", (root / "log").read_text())
    assert token
    assert '"notebooks"' in get(f"{address}/api/contents?token={token[1]}")


def test_the_service_starts_by_hand_and_its_store_is_reached_by_it_alone():
    content = YAML(typ="safe").load(REPO / "compose.yaml")
    found = services()
    assert all(found[name]["profiles"] == ["service"] for name in ("service", "database"))
    assert not any("profiles" in found[name] for name in ("report", "mlflow", "jupyter"))
    assert content["networks"] == {"report": {}, "mlflow": {}, "jupyter": {}, "store": {"internal": True}}
    assert all(found[name]["networks"] == [name] for name in ("report", "mlflow", "jupyter"))
    assert [name for name, each in found.items() if "store" in each.get("networks", [])] == [
        "service",
        "database",
    ]
    assert found["service"]["volumes"] == ["./packages:/aisle/packages:ro"]
    url = services(POSTGRES_PASSWORD="s")["service"]["environment"]["AISLE_DATABASE_URL"]
    assert url == "postgresql://aisle:s@database/aisle"
    assert services(POSTGRES_PASSWORD="s")["database"]["environment"]["POSTGRES_PASSWORD"] == "s"


def test_what_the_image_of_the_service_is_made_of_is_small():
    """Less than 1.2 GB: the installed libraries by their files, and the base, taken to have 0.15 GB."""
    groups = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    todo = [
        Requirement(text) for text in [*groups["dependencies"], *groups["optional-dependencies"]["serve"]]
    ]
    sizes = {}
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        if name in sizes or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found = metadata.distribution(name)
        files = [Path(file.locate()) for file in found.files or [] if "__pycache__" not in file.parts]
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file())
        todo += [Requirement(text) for text in found.requires or []]
    assert not {"torch", "tensorflow", "dvc", "mlflow"} & {*sizes}
    assert 0.5e9 < sum(sizes.values()) < 1.05e9, sorted(sizes, key=sizes.get)[-5:]


def test_service(start, pristine, tmp_path, monkeypatch):  # noqa: F811
    """It wants keys; with them it answers. Its database is a file: PostgreSQL is tested with the store."""
    shutil.copytree(pristine, tmp_path / "packages/champion")
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    own = services()["service"]
    bare = os.environ | {"AISLE_API_KEYS": "", "AISLE_DATABASE_URL": f"sqlite:///{tmp_path}/a.db"}
    bare["PATH"] = f"{BIN}{os.pathsep}{bare['PATH']}"
    done = subprocess.run(own["command"], cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "a service on 0.0.0.0 must have API keys" in done.stderr
    given = {
        "AISLE_API_KEYS": f"shop:{sha256(b'aisle_x').hexdigest()}",
        "AISLE_DATABASE_URL": f"sqlite:///{tmp_path}/s.db",
    }
    address, _ = start("service", **given)
    asked = Request(
        f"{address}/v1/classify",
        data=b'{"title": "quartz dial"}',
        headers={"Content-Type": "application/json", "X-API-Key": "aisle_x"},
    )
    assert "predictions" in get(asked) and "Aisle" in get(f"{address}/docs")
    with pytest.raises(urllib.error.HTTPError) as error:
        get(f"{address}/v1/models")
    assert error.value.code == 401


@pytest.mark.parametrize(
    ("name", "program"), [("prometheus", "prometheus"), ("alertmanager", "prometheus-alertmanager")]
)
def test_what_watches_runs_as_it_stands(name, program, tmp_path):
    """Debian's program takes the service's flags and files, with the paths of the container replaced."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed: apt-get install {program}")
    port, variable = free_port(), PORTS[name][0]
    each = services(**{variable: str(port)})[name]
    places = {"/etc/prometheus": REPO / "docker/monitoring", "/etc/alertmanager": REPO / "docker/monitoring"}
    places |= {f"={place}": f"={tmp_path}{place}" for place in ("/prometheus", "/alertmanager")}
    flags = each["command"]
    for inside, here in places.items():
        flags = [flag.replace(inside, str(here)) for flag in flags]
    flags = [flag.replace("=:", "=127.0.0.1:") for flag in flags]
    more = ["--cluster.listen-address="] if name == "alertmanager" else []
    with subprocess.Popen(
        [program, *flags, *more], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            end = time.monotonic() + SECONDS
            while True:
                with (
                    contextlib.suppress(urllib.error.URLError, ConnectionError),
                    urlopen(each["healthcheck"]["test"][-1], timeout=5) as answer,
                ):
                    assert answer.status == 200
                    break
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < end
                time.sleep(0.2)
        finally:
            process.terminate()
