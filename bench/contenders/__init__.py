"""The proxies that can be measured, one file each."""

from bench.contenders import (
    aiohttp,
    caddy,
    compiled,
    direct,
    gateway,
    haproxy,
    litellm,
    nginx,
    portkey,
    smg,
    traefik,
    vllm_router,
)
from bench.contenders.base import Contender
from bench.contenders.gateway import gateway_config
from bench.token import TOKEN

__all__ = ["CONTENDERS", "TOKEN", "Contender", "gateway_config"]

CONTENDERS: dict[str, Contender] = {
    "direct": direct.CONTENDER,
    "nginx": nginx.CONTENDER,
    "nginx-again": nginx.CONTENDER,
    "haproxy": haproxy.CONTENDER,
    "traefik": traefik.CONTENDER,
    "caddy": caddy.CONTENDER,
    "vllm-router": vllm_router.CONTENDER,
    "smg": smg.CONTENDER,
    "litellm": litellm.CONTENDER,
    "portkey": portkey.CONTENDER,
    "aiohttp": aiohttp.CONTENDER,
    "gateway": gateway.CONTENDER,
    "compiled": compiled.CONTENDER,
}
