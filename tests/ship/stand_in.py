"""Stands in for kubectl and helm where there is no cluster: `python stand_in.py kubectl|helm ARGUMENTS`.

Knows one release, told in the JSON file that CLUSTER names. What a command names must be there: exit code 1 and a
sentence if not, 2 for a command that nobody has taught it. Logs are those of a real gateway, and what is executed in a
pod is executed here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

Cluster = dict[str, Any]
FLAGS = ("-n", "--namespace", "-l", "--since", "--tail", "-o", "--dry-run", "--sort-by", "-f", "-k")


def main(program: str, arguments: list[str]) -> int:
    cluster: Cluster = json.loads(Path(os.environ["CLUSTER"]).read_text())
    words, flags = parsed(arguments)
    namespace = flags.get("-n", flags.get("--namespace"))
    if namespace not in (None, cluster["namespace"]):
        return absent(f"namespace {namespace}")
    command = COMMANDS.get((program, words[0]))
    if command is None:
        print(f"{program} {words[0]}: nobody has taught me that", file=sys.stderr)
        return 2
    return command(cluster, words[1:], flags)


def parsed(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """The words, with those behind `--` last, and the flags with their values; a lone flag has ""."""
    before, behind = arguments, []
    if "--" in arguments:
        at = arguments.index("--")
        before, behind = arguments[:at], arguments[at + 1 :]
    words, flags, rest = [], {}, iter(before)
    for argument in rest:
        name, equals, value = argument.partition("=")
        if argument.startswith("-"):
            flags[name] = value if equals or name not in FLAGS else next(rest)
        else:
            words.append(argument)
    return words + behind, flags


def absent(what: str) -> int:
    print(f"Error from server (NotFound): {what} not found", file=sys.stderr)
    return 1


def deployment(cluster: Cluster, word: str) -> dict[str, Any] | None:
    kind, _, name = word.partition("/")
    found: dict[str, Any] | None = cluster["deployments"].get(name) if kind in ("deploy", "deployment") else None
    return found


def port_forward(cluster: Cluster, words: list[str], flags: dict[str, str]) -> int:
    target, port = words[0], int(words[1].rpartition(":")[2])
    found = deployment(cluster, target)
    return 0 if found and port in found["ports"] else absent(f"{target} with port {port}")


def logs(cluster: Cluster, words: list[str], flags: dict[str, str]) -> int:
    selected = dict([flags["-l"].split("=")]).items() if "-l" in flags else {}.items()
    pods = [each for each in cluster["deployments"].values() if selected <= each["labels"].items()]
    if not (pods if "-l" in flags else deployment(cluster, words[0]) or words[0] == "POD"):
        return absent(f"pods of {words or flags['-l']}")
    sys.stdout.write(Path(cluster["log"]).read_text())
    return 0


def get(cluster: Cluster, words: list[str], flags: dict[str, str]) -> int:
    if "-l" in flags:
        wanted = dict([flags["-l"].split("=")]).items()
        if not any(wanted <= each["labels"].items() for each in cluster["deployments"].values()):
            return absent(f"pods with {flags['-l']}")
    known = {"pods", "endpointslices", "events"}
    if not set(words[0].split(",")) <= known:
        return absent(words[0])
    print("ai   vllm-0   1/1   Running")
    return 0


def execute(cluster: Cluster, words: list[str], flags: dict[str, str]) -> int:
    if deployment(cluster, words[0]) is None:
        return absent(words[0])
    if words[1] != "ai-api-gateway":
        return absent(words[1])
    return subprocess.run([sys.executable, "-m", "gateway", *words[2:]], check=False).returncode


def rollout(cluster: Cluster, words: list[str], flags: dict[str, str]) -> int:
    assert words[0] in ("restart", "status"), words
    return 0 if deployment(cluster, words[1]) else absent(words[1])


def create(cluster: Cluster, words: list[str], flags: dict[str, str]) -> int:
    if words[0] == "namespace":
        return 0
    assert words[:2] == ["secret", "generic"], words
    if flags.get("--dry-run") == "client":
        print(yaml.safe_dump({"kind": "Secret", "metadata": {"name": words[2]}}))
    return 0 if words[2] in cluster["secrets"] else absent(f"the secret {words[2]} in any pod")


def apply(cluster: Cluster, words: list[str], flags: dict[str, str]) -> int:
    if "-k" in flags:
        return 0 if os.path.exists(f"{flags['-k']}/kustomization.yaml") else absent(flags["-k"])
    return 0 if yaml.safe_load(sys.stdin)["metadata"]["name"] in cluster["secrets"] else 1


def release(cluster: Cluster, words: list[str], flags: dict[str, str]) -> int:
    if words[0] != cluster["release"]:
        return absent(f"release {words[0]}")
    if len(words) > 1 and not os.path.exists(f"{words[1]}/Chart.yaml"):
        return absent(words[1])
    return 0


COMMANDS: dict[tuple[str, str], Callable[[Cluster, list[str], dict[str, str]], int]] = {
    ("kubectl", "port-forward"): port_forward,
    ("kubectl", "logs"): logs,
    ("kubectl", "get"): get,
    ("kubectl", "exec"): execute,
    ("kubectl", "rollout"): rollout,
    ("kubectl", "create"): create,
    ("kubectl", "apply"): apply,
    ("kubectl", "drain"): lambda cluster, words, flags: 0 if words else 1,
    ("kubectl", "top"): lambda cluster, words, flags: 0 if words == ["pods"] else 1,
    ("helm", "install"): release,
    ("helm", "upgrade"): release,
    ("helm", "rollback"): release,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
