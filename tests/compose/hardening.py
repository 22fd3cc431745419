"""Holds what `docker inspect` says of every container of the project against what docs/how-to/docker.md promises.

    docker inspect CONTAINER… | python3 hardening.py PASSWORD_FILE

Only the standard library. Exit code 1 with every claim that is false.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LASTING = {"postgres", "redis", "api", "worker"}
"""Services that run on; the others do their work and end."""


def problems(container: Mapping[str, Any], password: str) -> Iterator[str]:
    """Say what is wrong with one container."""
    host, config = container["HostConfig"], container["Config"]
    service = config["Labels"]["com.docker.compose.service"]
    told = json.dumps([config["Env"], config["Cmd"], config["Entrypoint"], config["Labels"]])
    claims = {
        "runs as root": config["User"].partition(":")[0] not in ("", "0", "root"),
        "can write to its root folder": host["ReadonlyRootfs"],
        "keeps capabilities": host["CapDrop"] == ["ALL"] and not host["CapAdd"] and not host["Privileged"],
        "may gain privileges": "no-new-privileges:true" in (host["SecurityOpt"] or []),
        "may fill the memory": host["Memory"] > 0,
        "may fill the table of processes": (host["PidsLimit"] or 0) > 0,
        "may fill the disk with its log": host["LogConfig"]["Type"] == "local",
        "shows the password": password not in told,
        "is started by a shell": (config["Cmd"] or [""])[0] not in ("sh", "/bin/sh", "bash"),
        "has another restart policy": (host["RestartPolicy"]["Name"] or "no")
        == ("unless-stopped" if service in LASTING else "no"),
        "publishes a port": service == "api" or not host["PortBindings"],
        "is not as healthy as it should be": _is_well(service, container["State"]),
        "is in another network": _networks(container) == ({"front", "data"} if service == "api" else {"data"}),
        "was restarted": container["RestartCount"] == 0,
    }
    yield from (f"{service} {claim}" for claim, holds in claims.items() if not holds)
    if service == "api":
        addresses = {binding["HostIp"] for bound in host["PortBindings"].values() for binding in bound}
        if addresses != {"127.0.0.1"}:
            yield f"api is published on {sorted(addresses)}"


def _is_well(service: str, state: Mapping[str, Any]) -> bool:
    if service not in LASTING:
        return bool(state["Status"] == "exited" and state["ExitCode"] == 0)
    return bool(state["Status"] == "running" and state.get("Health", {"Status": "healthy"})["Status"] == "healthy")


def _networks(container: Mapping[str, Any]) -> set[str]:
    project = container["Config"]["Labels"]["com.docker.compose.project"]
    return {name.removeprefix(f"{project}_") for name in container["NetworkSettings"]["Networks"]}


def main() -> None:
    """Read the containers from standard input and the password from the file of the command line."""
    password = Path(sys.argv[1]).read_text(encoding="utf-8").strip()
    containers = json.load(sys.stdin)
    services = {container["Config"]["Labels"]["com.docker.compose.service"] for container in containers}
    if not services >= {*LASTING, "migrate", "sample"}:
        sys.exit(f"FAILED: expected a container of every service, found {sorted(services)}")
    found = [problem for container in containers for problem in problems(container, password)]
    if found:
        sys.exit("FAILED: " + "; ".join(found))
    sys.stdout.write(f"{len(containers)} containers of {len(services)} services keep every promise\n")


if __name__ == "__main__":
    main()
