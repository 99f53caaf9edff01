"""K8-07 and the ways in: who reaches the gateway, whom it reaches, and what is never public."""

import re
from collections.abc import Callable
from typing import Any

import helm_python
import pytest
from ship_variants import variant

from gateway.config.redis import parse_redis_url
from ship.chart import Rendered

METADATA = "169.254.0.0/16"

Render = Callable[..., Rendered]


def policy(rendered: Rendered) -> dict[str, Any]:
    spec: dict[str, Any] = rendered.one("NetworkPolicy")["spec"]
    return spec


def namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def test_k8_07_public_port_is_open_and_metrics_are_for_monitoring(default: Rendered) -> None:
    public, admin = policy(default)["ingress"]
    assert public == {"ports": [{"port": 8080, "protocol": "TCP"}]}
    assert admin == {"ports": [{"port": 9090, "protocol": "TCP"}], "from": [namespace("monitoring")]}
    assert policy(default)["policyTypes"] == ["Ingress", "Egress"]


def test_k8_07_egress_is_what_the_configuration_names(production: Rendered) -> None:
    dns, models, old, six, vendor, extra = policy(production)["egress"]
    assert dns["to"] == [namespace("kube-system")]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert models == {"to": [namespace("models")]}
    assert old == {"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "ports": [{"port": 8000, "protocol": "TCP"}]}
    assert six["to"] == [{"ipBlock": {"cidr": "fd00::7/128"}}]
    assert vendor["ports"] == [{"port": 443, "protocol": "TCP"}]
    assert vendor["to"][0]["ipBlock"] == {"cidr": "0.0.0.0/0", "except": [METADATA]}
    assert extra["to"] == [{"ipBlock": {"cidr": "10.9.0.0/16"}}]


def test_k8_07_a_neighbour_is_reached_by_its_short_name(default: Rendered) -> None:
    assert policy(default)["egress"][1] == {"to": [{"podSelector": {}}]}


def test_k8_07_issuer_and_collector_are_reached() -> None:
    _, model, issuer, collector = policy(variant("oidc"))["egress"]
    assert model == {"to": [{"podSelector": {}}]}
    assert issuer["ports"] == [{"port": 443, "protocol": "TCP"}]
    assert issuer["to"][0]["ipBlock"]["cidr"] == "0.0.0.0/0"
    assert collector == {"to": [namespace("observability")]}


def block(cidr: str, *ports: int) -> list[dict[str, Any]]:
    return [{"to": [{"ipBlock": {"cidr": cidr}}], "ports": [{"port": port, "protocol": "TCP"}]} for port in ports]


PASSWORD = ":${env:REDIS_PASSWORD}@"
FILE = "user:${file:/run/secrets/gateway/redis-password}@"


@pytest.mark.parametrize(
    ("url", "rules"),
    [
        (f"redis://{PASSWORD}10.0.0.5", block("10.0.0.5/32", 6379)),
        (f"rediss://{FILE}10.0.0.5:6380/2", block("10.0.0.5/32", 6380)),
        (f"redis://{PASSWORD}redis.data.svc:6379/0", [{"to": [namespace("data")]}]),
        (f"redis+cluster://{PASSWORD}10.0.0.5:7000,10.0.0.6", block("10.0.0.5/32", 7000) + block("10.0.0.6/32", 6379)),
        (
            f"rediss+cluster://{FILE}[fd00::7]:7000,nodes.data",
            [*block("fd00::7/128", 7000), {"to": [namespace("data")]}],
        ),
        (
            f"redis+sentinel://{PASSWORD}10.0.0.5,10.0.0.6:5000/limits",
            block("10.0.0.5/32", 26379, 6379) + block("10.0.0.6/32", 5000, 6379),
        ),
        (f"rediss+sentinel://{FILE}s0.data.svc,s1.data.svc:26380/limits/1", [{"to": [namespace("data")]}]),
        (f"redis+sentinel://{PASSWORD}s0/limits", [{"to": [{"podSelector": {}}]}]),
        ("redis://${env:REDIS_HOST}:6379", []),
        ("${env:REDIS_URL}", []),
    ],
)
def test_k8_07_every_form_of_a_redis_url_is_reached(with_values: Render, url: str, rules: list[dict[str, Any]]) -> None:
    before = policy(with_values())["egress"]
    egress = policy(with_values(config={"redis": {"url": url}}))["egress"]
    assert egress == before + [rule for rule in rules if rule not in before]
    assert all(rule in egress for rule in rules)
    if rules:
        parse_redis_url(re.sub(r"\$\{[^}]*\}", "secret", url))  # one that the gateway would take


def test_k8_07_no_rule_lets_everything_out(rendered: Rendered) -> None:
    for manifest in rendered.manifests():
        if manifest["kind"] == "NetworkPolicy":
            assert all(rule.get("to") for rule in manifest["spec"]["egress"])


def test_k8_07_redis_hears_the_gateway_only() -> None:
    rendered = variant("redis")
    redis = rendered.one("NetworkPolicy", "-redis")["spec"]
    labels = rendered.one("Deployment")["spec"]["selector"]["matchLabels"]
    assert redis["ingress"] == [
        {"ports": [{"port": 6379, "protocol": "TCP"}], "from": [{"podSelector": {"matchLabels": labels}}]}
    ]
    assert redis["egress"] == []
    assert (
        redis["podSelector"]["matchLabels"] == rendered.one("Deployment", "-redis")["spec"]["selector"]["matchLabels"]
    )
    assert {"ports": redis["ingress"][0]["ports"], "to": [{"podSelector": redis["podSelector"]}]} in policy(rendered)[
        "egress"
    ]


def test_redis_pods_are_not_the_gateways() -> None:
    rendered = variant("redis")
    selectors = [rendered.one("Deployment", suffix)["spec"]["selector"]["matchLabels"] for suffix in ("", "-redis")]
    assert selectors[0] != selectors[1]
    assert rendered.one("Service")["spec"]["selector"] == selectors[0]


def test_metrics_are_on_a_service_of_their_own(rendered: Rendered) -> None:
    public, admin = rendered.one("Service", "gateway"), rendered.one("Service", "-admin")
    assert [port["targetPort"] for port in public["spec"]["ports"]] in (["http"], ["https"])
    assert admin["spec"]["type"] == "ClusterIP"
    assert [port["name"] for port in admin["spec"]["ports"]] == ["admin"]


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        ({"admin": {"port": None}}, r"config\.admin\.port: nothing"),
        ({"admin": {"port": 8080}}, r"config\.admin\.port: another port"),
        ({"admin": {"host": "127.0.0.1"}}, r"config\.admin\.host"),
    ],
    ids=str,
)
def test_public_metrics_fail_the_render(with_values: Render, config: dict[str, Any], complaint: str) -> None:
    with pytest.raises(helm_python.HelmError, match=complaint):
        with_values(config=config)


def test_outside_reaches_the_proxy_only(production: Rendered) -> None:
    ingress = production.one("Ingress")["spec"]["rules"][0]["http"]["paths"]
    assert [path["path"] for path in ingress] == ["/v1"]
    (rule,) = variant("gateway-api").one("HTTPRoute")["spec"]["rules"]
    assert rule["matches"] == [{"path": {"type": "PathPrefix", "value": "/v1"}}]


def test_route_leads_to_the_service() -> None:
    rendered = variant("gateway-api")
    service = rendered.one("Service", "gateway")
    route = rendered.one("HTTPRoute")["spec"]
    assert route["parentRefs"] == [{"name": "public", "namespace": "gateways", "sectionName": "https"}]
    assert route["rules"][0]["backendRefs"] == [{"name": service["metadata"]["name"], "port": 443}]
    assert service["spec"]["ports"][0]["appProtocol"] == "https"


def test_monitor_finds_the_admin_service(production: Rendered) -> None:
    monitor = production.one("ServiceMonitor")
    admin = production.one("Service", "-admin")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= admin["metadata"]["labels"].items()
    assert [endpoint["port"] for endpoint in monitor["spec"]["endpoints"]] == ["admin"]
