"""The OpenAPI file says what is so: schemathesis asks whatever it allows, and what it does not allow.

The number of cases is small here; `python tools/fuzz_service.py` makes thousands.
"""

import json
import threading
import time
from pathlib import Path
from unittest import SkipTest

import jsonschema
import pytest
import schemathesis
import uvicorn
from fastapi import APIRouter
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.testclient import TestClient

from aisle.service import app, state
from aisle.service.routes import health
from aisle.service.settings import Settings

CASES = 12
"""Of each operation."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def schema(pristine, tmp_path_factory):
    """Return the OpenAPI file of a service on a port of its own."""
    folder = tmp_path_factory.mktemp("schema")
    own = Settings(model=str(pristine), database=f"sqlite:///{folder}/service.db", watch=0)
    config = uvicorn.Config(app.create(state.make(own)), port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    (port,) = (each.getsockname()[1] for listening in server.servers for each in listening.sockets)
    yield schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
    server.should_exit = True
    thread.join()


OPERATIONS = [
    ("POST", "/v1/classify"),
    ("POST", "/v1/classify/file"),
    ("POST", "/v1/feedback"),
    ("GET", "/v1/models"),
    ("POST", "/v1/models/reload"),
    ("POST", "/v1/models/rollback"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
]


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_whatever_is_asked_is_answered_as_it_is_said(schema, method, path, mode):
    """What the file allows, and what it does not allow."""

    @settings(max_examples=CASES, suppress_health_check=list(HealthCheck), deadline=None, derandomize=True)
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def ask(case):
        answer = case.call(timeout=30)
        case.validate_response(answer, checks=CHECKS)

    try:
        ask()
    except (Unsatisfiable, SkipTest):
        assert path not in ("/v1/classify", "/v1/feedback"), "an operation with a body can be asked wrongly"


def test_every_operation_is_asked(client):
    found = client.get("/openapi.json").json()["paths"]
    assert {(method.upper(), path) for path, item in found.items() for method in item} == {*OPERATIONS}


def test_every_operation_has_an_example_that_works(client):
    """What a reader copies from the page is answered."""
    found = client.get("/openapi.json").json()
    bodies = found["paths"]["/v1/classify"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    for example in bodies.values():
        answer = client.post("/v1/classify", json=example["value"])
        assert answer.status_code == 200, answer.text
        schema = {"$ref": "#/components/schemas/Classified", "components": found["components"]}
        jsonschema.validate(answer.json(), schema)
    table = found["paths"]["/v1/classify/file"]["post"]["requestBody"]["content"]["text/csv"]["example"]
    answer = client.post("/v1/classify/file", content=table, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200 and "predicted_category" in answer.text
    made = client.post("/v1/classify", json={"title": "tea"}).json()["predictions"][0]["prediction_id"]
    told = found["paths"]["/v1/feedback"]["post"]["requestBody"]["content"]["application/json"]["example"]
    told |= {"prediction_id": made, "category": "Mugs"}
    assert client.post("/v1/feedback", json=told).status_code == 200


def test_every_operation_says_what_it_is_for_and_how_it_refuses(client):
    found = client.get("/openapi.json").json()
    for path, item in found["paths"].items():
        for operation in item.values():
            assert operation["summary"] and operation["description"], path
            if not path.startswith("/health"):
                assert operation["responses"]["401"], path
    assert json.dumps(found).count("HTTPValidationError") <= 2  # named by FastAPI, used by nothing


def test_the_endpoint_of_the_guide_is_one(settings):
    """CONTRIBUTING.md's example as it stands."""
    guide = (Path(__file__).parents[3] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = guide.split("### An endpoint of the service\n")[1].split("\n### ")[0]
    code = section.split("```python\n")[1].split("```")[0]
    names = vars(health) | {"router": APIRouter()}
    exec(code, names)
    made = app.create(state.make(settings))
    made.include_router(names["router"])
    with TestClient(made, "http://localhost") as client:
        assert client.get("/v1/queue").json() == {"waiting": 0}
        assert client.get("/openapi.json").json()["paths"]["/v1/queue"]["get"]["responses"]["401"]
