"""The command line, run as a process where the process is the point."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import jwt
import pytest

from gateway import __version__, cli
from gateway.config.schema import published

SECRET = "kW9+Xv2nQ0r8Zb5cLq7TtYpJ4sHdF1aM"
UPSTREAMS = "llm=http://127.0.0.1:9|http://127.0.0.1:10,embed=http://127.0.0.1:11"
GATEWAY = [sys.executable, "-m", "gateway"]

SIX_MISTAKES = """\
server:
  port: 99999
  header_timeout: 10 seconds
  prot: 1
jwt:
  secret: hunter2
services:
  llm:
    upstreams: [{url: "redis://user:hunter2@cache"}]
    request_headers: {set: {X-Key: "${env:NO_SUCH_VARIABLE}"}}
"""


def environment(**variables: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], **variables}


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*GATEWAY, *arguments], env=environment(**variables), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def six(tmp_path: Path) -> str:
    path = tmp_path / "gateway.yaml"
    path.write_text(SIX_MISTAKES)
    return str(path)


def test_check_says_ok_and_what_would_be_served() -> None:
    done = run("check", JWT_SECRET=SECRET, UPSTREAMS=UPSTREAMS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "OK: services llm, embed; upstreams 3\n", "")


@pytest.mark.parametrize(
    "arguments", [["check", "--config"], ["--config"], ["serve", "--config"]], ids=["check", "default", "serve"]
)
def test_six_mistakes_are_six_lines_and_exit_2(six: str, arguments: list[str]) -> None:
    done = run(*arguments, six)
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line.partition(": got ")[0] for line in done.stderr.splitlines()] == [
        "services.llm.request_headers.set.X-Key",
        "server.port",
        "server.header_timeout",
        "server.prot",
        "jwt.secret",
        "services.llm.upstreams[0].url",
    ]
    assert "hunter2" not in done.stderr
    assert "99999: a whole number from 0 to 65535 (or SERVER_PORT=...)" in done.stderr


def test_the_option_may_stand_before_the_command(six: str) -> None:
    assert len(run("--config", six, "check").stderr.splitlines()) == 6


def test_the_file_may_be_named_by_a_variable(six: str) -> None:
    assert len(run("check", GATEWAY_CONFIG=six).stderr.splitlines()) == 6


def test_a_missing_file_and_a_missing_secret_are_mistakes_too(tmp_path: Path) -> None:
    done = run("check", "--config", f"{tmp_path}/none.yaml")
    assert done.returncode == 2
    assert done.stderr == f"{tmp_path}/none.yaml: got no readable file: No such file or directory\n"
    done = run("check", UPSTREAMS=UPSTREAMS)
    assert done.returncode == 2
    assert "JWT_SECRET=..." in done.stderr


def test_token_mints_what_the_configuration_accepts(capsys: pytest.CaptureFixture[str]) -> None:
    claims = minted(capsys, ["--sub", "alice"], JWT_SECRET=SECRET)
    assert claims.keys() == {"sub", "iat", "exp"}
    assert (claims["sub"], claims["exp"] - claims["iat"]) == ("alice", 3600)


def test_token_with_everything(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--sub", "bob", "--scope", "chat", "embed", "--ttl", "5m", "--claim", "tenant=red=1", "--claim", "x="]
    claims = minted(capsys, arguments, JWT_SECRET=SECRET, JWT_ISSUER="me", JWT_AUDIENCE="ai", SERVER_PORT="not mine")
    assert claims.keys() == {"sub", "iat", "exp", "scope", "iss", "aud", "tenant", "x"}
    assert (claims["tenant"], claims["x"]) == ("red=1", "")
    assert (claims["scope"], claims["iss"], claims["aud"]) == ("chat embed", "me", "ai")
    assert claims["exp"] - claims["iat"] == 300


def minted(capsys: pytest.CaptureFixture[str], arguments: list[str], **variables: str) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "environ", environment(**variables))
        assert cli.main(["token", *arguments]) == 0
    token = capsys.readouterr().out.strip()
    claims: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"], audience=variables.get("JWT_AUDIENCE"))
    return claims


def test_token_as_a_process_prints_one_line() -> None:
    done = run("token", "--sub", "alice", JWT_SECRET=SECRET)
    assert done.returncode == 0
    header, _, signature = done.stdout.strip().split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "HS256", "typ": "JWT"}
    assert len(signature) == 43


@pytest.mark.parametrize(
    ("arguments", "variables", "message"),
    [
        (["--sub", "alice"], {}, "jwt.secret: got nothing: a secret, because"),
        (["--sub", "alice"], {"JWT_SECRET": "short"}, "jwt.secret: got *** from JWT_SECRET: at least 32 bytes"),
        (["--sub", ""], {"JWT_SECRET": SECRET}, "subject"),
        (["--sub", "a\nb"], {"JWT_SECRET": SECRET}, "subject"),
        (["--sub", "alice", "--ttl", "0"], {"JWT_SECRET": SECRET}, "ttl"),
        (["--sub", "alice", "--ttl", "soon"], {"JWT_SECRET": SECRET}, "'soon': a duration such as"),
        ([], {"JWT_SECRET": SECRET}, "--sub"),
        (["--sub", "alice", "--claim", "tenant"], {"JWT_SECRET": SECRET}, "'tenant': NAME=VALUE"),
        (["--sub", "alice", "--claim", "exp=1"], {"JWT_SECRET": SECRET}, "claims: exp has an option of its own"),
    ],
)
def test_token_refuses_what_no_gateway_would_accept(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variables: dict[str, str],
    message: str,
) -> None:
    monkeypatch.setattr(os, "environ", environment(**variables))
    try:
        code: object = cli.main(["token", *arguments])
    except SystemExit as exit_:  # argparse's own
        code = exit_.code
    output = capsys.readouterr()
    assert code == 2
    assert message in output.err
    assert output.out == ""


def test_schema_prints_the_schema_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == published()


def test_version_and_help() -> None:
    assert run("--version").stdout == f"ai-api-gateway {__version__}\n"
    text = run("--help").stdout
    for word in ("usage: ai-api-gateway", "serve", "demo", "check", "token", "schema", "--config"):
        assert word in text


@pytest.mark.parametrize(
    "arguments", [["dance"], ["check", "--port", "1"], ["demo", "--port", "99999"], ["demo", "--host", "a b"]]
)
def test_what_is_no_command_or_option_is_exit_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        cli.main(arguments)
    assert exit_.value.code == 2
    assert "usage: ai-api-gateway" in capsys.readouterr().err


def test_the_quick_commands_import_neither_the_server_nor_the_event_loop() -> None:
    code = (
        "import sys; from gateway.cli import main; main(['check']); "
        "print({'uvloop', 'aiohttp', 'jwt', 'asyncio'} & sys.modules.keys())"
    )
    variables = environment(JWT_SECRET=SECRET, UPSTREAMS=UPSTREAMS)
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


def test_serve_on_a_port_that_is_taken_says_so_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = run("serve", AUTH_TYPE="none", UPSTREAMS=UPSTREAMS, SERVER_HOST="127.0.0.1", SERVER_PORT=port)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("ai-api-gateway: ")
    assert "address already in use" in done.stderr


def test_demo_greets_and_ctrl_c_ends_it_without_a_traceback() -> None:
    with subprocess.Popen(
        [*GATEWAY, "demo", "--port", "0"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert any(line.startswith("TOKEN=") for line in process.stdout)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_ctrl_c_before_the_gateway_listens_ends_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "load", interrupted)
    assert cli.main(["check"]) == 130
    assert capsys.readouterr().err == ""
