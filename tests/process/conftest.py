"""The gateway as a process, upstreams that the tests play, and clients that are closed afterwards."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

pytest.register_assert_rewrite("gateway_process", "places", "raw_wire")

from certificates import Certificates  # noqa: E402
from gateway_process import GatewayProcess  # noqa: E402
from places import Place, open_service, reserved_port  # noqa: E402
from raw_wire import Clients  # noqa: E402

SERVICES = 100
FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tells what was measured; shown at the end of the run."""
    figures = request.config.stash.setdefault(FIGURES, [])
    return lambda text: figures.append(f"{request.node.name}: {text}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if FIGURES in config.stash:
        terminalreporter.section("figures")
        for line in config.stash[FIGURES]:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@contextmanager
def many_services(directory: Path, secure: Certificates | None = None) -> Iterator[Iterator[Place]]:
    """A gateway that asks nobody who they are, with many services; each test takes one of its own."""
    with ExitStack() as stack:
        ports = {f"s{number}": reserved_port(stack) for number in range(SERVICES)}
        config = {
            "server": {"max_body_size": 0, "trusted_proxies": ["127.0.0.2/32"], **(secure.server if secure else {})},
            "auth": {"type": "none"},
            "ratelimit": {"enabled": False},
            "services": {name: open_service(port, timeouts={"connect": 0.5}) for name, port in ports.items()},
        }
        gateway = stack.enter_context(GatewayProcess.serving(config, directory))
        tls = secure.trusting() if secure else None
        yield iter([Place(gateway, name, port, tls) for name, port in ports.items()])


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[Place]]:
    with many_services(tmp_path_factory.mktemp("shared")) as places:
        yield places


@pytest.fixture(scope="session")
def shared_over_tls(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[Iterator[Place]]:
    with many_services(tmp_path_factory.mktemp("shared"), certificates) as places:
        yield places


@pytest.fixture
def place(request: pytest.FixtureRequest) -> Place:
    """A service that no other test uses, on a shared gateway; over TLS where it is asked for."""
    shared = "shared_over_tls" if getattr(request, "param", "") == "tls" else "shared"
    places: Iterator[Place] = request.getfixturevalue(shared)
    return next(places)


@pytest.fixture
async def clients() -> AsyncIterator[Clients]:
    opened = Clients()
    yield opened
    opened.close()


@pytest.fixture
def ports() -> Iterator[Callable[[], int]]:
    """Ports reserved while the test runs."""
    with ExitStack() as stack:
        yield lambda: reserved_port(stack)
