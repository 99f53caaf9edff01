"""Where traces go: the endpoint in either variable, Jaeger's old address, and the part that is sampled."""

import pytest

from gateway.config.load import load
from gateway.config.mistake import ConfigError
from gateway.config.telemetry import otlp_endpoint, read_ratio
from gateway.config.tree import Config

SOUND = {"UPSTREAMS": "llm=http://a:1", "AUTH_TYPE": "none"}


def loaded(**environ: str) -> Config:
    return load(None, SOUND | environ)


@pytest.mark.parametrize(
    ("jaeger", "endpoint"),
    [
        ("http://jaeger:14268/api/traces", "http://jaeger:4318/v1/traces"),
        ("http://jaeger:14268", "http://jaeger:4318/v1/traces"),
        ("http://jaeger/api/traces?format=jaeger.thrift", "http://jaeger:4318/v1/traces"),
        ("http://[fd00::1]:14268/api/traces", "http://[fd00::1]:4318/v1/traces"),
        ("http://jaeger:4318/v1/traces", None),
        ("http://jaeger:999999", None),
        ("http://:14268/api/traces", None),
        ("", None),
    ],
)
def test_thrift_address_has_an_otlp_address(jaeger: str, endpoint: str | None) -> None:
    assert otlp_endpoint(jaeger) == endpoint


def test_jaegers_old_address_is_mapped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    config = loaded(JAEGER_ENDPOINT="http://jaeger:14268/api/traces")
    assert config.tracing.endpoint == "http://jaeger:4318/v1/traces"
    (warning,) = caplog.messages
    assert "JAEGER_ENDPOINT is a Thrift address" in warning
    assert "http://jaeger:4318/v1/traces" in warning


def test_jaegers_variable_is_another_name_for_the_endpoint(caplog: pytest.LogCaptureFixture) -> None:
    assert loaded(JAEGER_ENDPOINT="http://jaeger:4318/v1/traces").tracing.endpoint == "http://jaeger:4318/v1/traces"
    assert caplog.messages == []


def test_two_endpoints_are_a_mistake() -> None:
    with pytest.raises(ConfigError, match="only one of TRACING_ENDPOINT and JAEGER_ENDPOINT"):
        loaded(JAEGER_ENDPOINT="http://a:1", TRACING_ENDPOINT="http://b:1")


def test_mistake_names_jaegers_variable() -> None:
    with pytest.raises(ConfigError, match="JAEGER_ENDPOINT"):
        loaded(JAEGER_ENDPOINT="ftp://a")


@pytest.mark.parametrize(("value", "ratio"), [("0.01", 0.01), (0, 0.0), (1, 1.0), ("1", 1.0), (0.5, 0.5)])
def test_ratio(value: object, ratio: float) -> None:
    assert read_ratio(value) == ratio


@pytest.mark.parametrize("value", [1.5, -0.1, "all", True, None, "nan", [1]])
def test_what_is_no_ratio_is_a_mistake(value: object) -> None:
    with pytest.raises(ValueError, match="a number from 0 to 1"):
        read_ratio(value)


def test_variables_set_what_the_file_could() -> None:
    tracing = loaded(TRACING_ENABLED="true", TRACING_SAMPLE_RATIO="0.25", TRACING_SERVICE_NAME="edge").tracing
    assert (tracing.enabled, tracing.sample_ratio, tracing.service_name) == (True, 0.25, "edge")
