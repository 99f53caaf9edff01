"""docs/openapi.yaml: valid, complete, and true of a live gateway."""

from collections.abc import Iterator

import pytest
import schemathesis
import yaml
from gateway_process import GatewayProcess
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import validate
from schemathesis.checks import response_schema_conformance, status_code_conformance

from gateway import __version__
from gateway.errors import ANSWERS
from gateway.wire.headers import METHODS
from ship.chart import ROOT

DOCUMENT = ROOT / "docs/openapi.yaml"
DESCRIBED = yaml.safe_load(DOCUMENT.read_text())
PROXY = DESCRIBED["paths"]["/v1/{service}/{path}"]
SECRET = "a7Qp0Zx-" * 6

schema = schemathesis.openapi.from_dict(DESCRIBED)


def test_document_is_valid() -> None:
    validate(DESCRIBED)
    assert DESCRIBED["info"]["version"] == __version__


def test_every_answer_of_ours_is_described() -> None:
    types = DESCRIBED["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["type"]["enum"]
    assert set(types) == {answer.type for answer in ANSWERS.values()}
    statuses = {str(answer.status) for answer in ANSWERS.values()}
    for method in METHODS.values():
        assert PROXY[method.lower()]["responses"].keys() == statuses | {"default"}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway that is asked for tokens and has an upstream which is not there."""
    config = {
        "jwt": {"secret": SECRET},
        "services": {
            "llm": {"upstreams": [{"url": "http://127.0.0.1:1/v1"}]},
            "open": {"upstreams": [{"url": "http://127.0.0.1:1/v1"}], "auth": "none"},
        },
    }
    with GatewayProcess.serving(config, tmp_path_factory.mktemp("openapi")) as gateway:
        yield f"http://127.0.0.1:{gateway.port}"


@schema.parametrize()
@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_gateway_says_what_the_document_says(case: schemathesis.Case, live: str) -> None:
    checks = [status_code_conformance, response_schema_conformance]
    if case.path_parameters and len(case.path_parameters["service"]) % 2:
        case.path_parameters["service"] = "open" if len(str(case.path_parameters["path"])) % 2 else "llm"
    reply = case.call(base_url=live)
    case.validate_response(reply, checks=checks)
    if case.path.startswith("/v1"):
        assert reply.headers["x-request-id"]
