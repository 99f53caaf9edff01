"""Environment variables over the file, which they override key by key; UPSTREAMS replaces all services."""

import logging
from typing import Any

from gateway.config.draft import Draft
from gateway.config.mistake import key_text
from gateway.config.references import read_text_file
from gateway.config.telemetry import otlp_endpoint
from gateway.config.variables import FILE, UPSTREAMS, Variable, variables

log = logging.getLogger(__name__)

# Older deployments name their collector so.
JAEGER, ENDPOINT = "JAEGER_ENDPOINT", "TRACING_ENDPOINT"
SYNTAX = "name=url|url;weight=2 with a comma between services"


def overlay(draft: Draft) -> None:
    """Put the environment's values over the draft's; a variable that cannot be read is a mistake."""
    for name, variable in variables().items():
        _set(draft, name, variable)
    if JAEGER in draft.environ:
        _jaeger(draft, draft.environ[JAEGER])
    if UPSTREAMS in draft.environ:
        draft.came_from_variable(("services",), UPSTREAMS)
        draft.values["services"] = _services(draft, draft.environ[UPSTREAMS])


def _set(draft: Draft, name: str, variable: Variable) -> None:
    section, key = variable.path
    value: Any = draft.environ.get(name)
    if variable.secret and name + FILE in draft.environ:
        if value is not None:
            draft.wrong(variable.path, f"only one of {name} and {name}{FILE}; unset the other", "both")
            return
        name += FILE
        try:
            value = read_text_file(draft.environ[name])
        except ValueError as error:
            draft.came_from_variable(variable.path, name)
            draft.wrong(variable.path, str(error), repr(draft.environ[name]))
            return
    if value is None:
        return
    if variable.is_list:
        value = [item.strip() for item in value.split(",")] if value.strip() else []
    draft.came_from_variable(variable.path, name)
    draft.values.setdefault(section, {})[key] = value if value != "" else None


def _jaeger(draft: Draft, address: str) -> None:
    path = ("tracing", "endpoint")
    if ENDPOINT in draft.environ:
        draft.wrong(path, f"only one of {ENDPOINT} and {JAEGER}; unset the other", "both")
        return
    endpoint = otlp_endpoint(address)
    if endpoint is not None:
        log.warning("%s is a Thrift address, %s; traces go to %s", JAEGER, draft.show_text(address), endpoint)
    draft.came_from_variable(path, JAEGER)
    draft.values.setdefault(path[0], {})[path[1]] = endpoint or address or None


def _services(draft: Draft, text: str) -> dict[str, Any]:
    services: dict[str, Any] = {}
    for part in text.split(","):
        name, equals, urls = (piece.strip() for piece in part.partition("="))
        if not equals or not name or "://" in name:
            draft.wrong(("services",), SYNTAX, draft.show_text(part.strip()))
        elif name in services:
            draft.wrong(("services", name), "each service once; put | between its upstreams", "the name twice")
        else:
            services[name] = {}
            services[name]["upstreams"] = [
                _upstream(draft, name, index, upstream) for index, upstream in enumerate(urls.split("|"))
            ]
    return services


def _upstream(draft: Draft, service: str, index: int, text: str) -> dict[str, Any]:
    url, *options = (piece.strip() for piece in text.split(";"))
    upstream: dict[str, Any] = {"url": url}
    for option in options:
        key, _, value = (piece.strip() for piece in option.partition("="))
        path = ("services", service, "upstreams", index, key)
        if key in upstream:
            draft.wrong(path, f"{key_text(path)} once", "it twice")
        upstream[key] = value
    return upstream
