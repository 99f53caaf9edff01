"""File and environment -> Config, or every mistake at once."""

from collections.abc import Mapping

from gateway.config import environment, references, rules, schema, yaml_file
from gateway.config.draft import Draft
from gateway.config.mistake import ConfigError, Mistake
from gateway.config.secret import GENERATE
from gateway.config.tree import Config, Jwt
from gateway.config.validation import validate

FILE_VARIABLE = "GATEWAY_CONFIG"
LARGEST_FILE = 4 << 20


def load(path: str | None, environ: Mapping[str, str]) -> Config:
    """The configuration in the file at `path` (None: the one GATEWAY_CONFIG names, if any) under the environment.

    Raises ConfigError with all mistakes.
    """
    config, draft = _examine(path, environ)
    if draft.mistakes:
        raise ConfigError(draft.mistakes)
    return config


def load_jwt(path: str | None, environ: Mapping[str, str]) -> Jwt:
    """Only the section `jwt`, with a secret in it, whatever else is missing.

    Raises ConfigError with the mistakes in that section, or with that of a file which cannot be read.
    """
    config, draft = _examine(path, environ)
    relevant = [mistake for mistake in draft.mistakes if not draft.readable or mistake.key.startswith("jwt")]
    if not relevant and config.jwt.secret is None:
        remedy = f"a secret to sign with; {GENERATE} (or JWT_SECRET=... or JWT_SECRET_FILE=...)"
        relevant = [Mistake("jwt.secret", "nothing", remedy)]
    if relevant:
        raise ConfigError(relevant)
    return config.jwt


def _examine(path: str | None, environ: Mapping[str, str]) -> tuple[Config, Draft]:
    draft = Draft(environ)
    path = path or environ.get(FILE_VARIABLE)
    if path:
        _read_file(draft, path)
    environment.overlay(draft)
    references.resolve(draft)
    config = validate(draft)
    if draft.readable:
        rules.check(draft, config)
    return config, draft


def _read_file(draft: Draft, path: str) -> None:
    try:
        draft.values, repeated = yaml_file.parse(_text(path))
    except yaml_file.NotYaml as error:
        draft.unreadable(path, error.where, str(error))
        return
    for key, line in repeated:
        draft.wrong(key, "each key once in a group", f"it again in line {line}")
    for section, value in list(draft.values.items()):
        if not isinstance(value, dict) and section in schema.keys_at(()):
            del draft.values[section]
            if value is not None:
                known = schema.keys_at((section,))
                remedy = f"a group of keys out of {', '.join(known)}" if known else "a group of services by name"
                draft.wrong((section,), remedy, draft.show((section,), value))


def _text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise yaml_file.NotYaml("more than 4 MiB", "a configuration is smaller")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise yaml_file.NotYaml("no readable file", error.strerror or "it cannot be read") from None
    except ValueError:
        raise yaml_file.NotYaml("bytes", "the file is UTF-8 text") from None
