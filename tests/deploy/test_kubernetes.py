"""The manifests of deploy/kubernetes: valid by the schemas of Kubernetes, at one with each other and the service."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import kubernetes_validate
import pytest

from app.routers.api import create_api
from app.settings import load_settings
from tests.deploy.conftest import FOLDER, of_kind, pods

Manifests = Sequence[Mapping[str, Any]]
VERSIONS = ("1.30", "1.37")
"""The first that knows the pause of `preStop`, and the newest that the validator knows."""


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid_by_the_strict_schema_of_the_version(manifests: Manifests, version: str) -> None:
    kinds = [manifest["kind"] for manifest in manifests]
    assert {"Deployment", "Job", "Service", "PersistentVolumeClaim", "PodDisruptionBudget", "NetworkPolicy"} == {*kinds}
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schema_refuses_a_misspelt_field(manifests: Manifests) -> None:
    broken = copy.deepcopy(of_kind(manifests, "Deployment")["Deployment/ktup-api"])
    container = broken["spec"]["template"]["spec"]["containers"][0]
    container["readynessProbe"] = container.pop("readinessProbe")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_the_kustomization_names_every_file_of_its_folder(kustomization: Mapping[str, Any]) -> None:
    named = {*kustomization["resources"], *kustomization["configMapGenerator"][0]["envs"], "kustomization.yaml"}
    assert named == {path.name for path in FOLDER.iterdir()}


def test_every_setting_is_known_and_can_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    lines = (FOLDER / "settings.env").read_text(encoding="utf-8").split()
    settings = dict(line.split("=", 1) for line in lines)
    for name, url in (("KTUP_DATABASE_URL_FILE", "postgresql://u:p@db/k"), ("KTUP_REDIS_URL_FILE", "redis://cache")):
        (tmp_path / name).write_text(url)
        assert settings[name].startswith("/run/secrets/ktup/")
        settings[name] = str(tmp_path / name)
    for name in ("KTUP_DATABASE_URL", "KTUP_REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    loaded = load_settings()
    # Whoever reaches the port needs a key, from the first moment on.
    assert loaded.access == "keys"


def test_no_manifest_holds_a_secret(manifests: Manifests) -> None:
    assert not of_kind(manifests, "Secret")
    for name, pod in pods(manifests).items():
        for container in pod["spec"]["containers"]:
            assert "env" not in container, name
            assert container["envFrom"] == [{"configMapRef": {"name": "ktup-settings"}}], name
        (secrets,) = [volume for volume in pod["spec"]["volumes"] if volume["name"] == "secrets"]
        assert secrets["secret"]["secretName"] == "ktup-secrets", name
    assert "://" not in (FOLDER / "settings.env").read_text(encoding="utf-8")


def test_every_pod_is_without_root_privileges_and_a_writable_root(manifests: Manifests) -> None:
    assert len(pods(manifests)) == 3
    for name, pod in pods(manifests).items():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["runAsUser"] == 10001, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        for container in spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), name
            assert "memory" in container["resources"]["limits"], name


def test_kubernetes_adds_no_variable_that_a_setting_would_take_for_its_own(manifests: Manifests) -> None:
    # A service `ktup` would give every pod KTUP_PORT=tcp://…; the prefix of our services is that of our settings.
    for name, pod in pods(manifests).items():
        assert pod["spec"]["enableServiceLinks"] is False, name


def test_every_selector_finds_the_pods_that_it_means_and_no_others(manifests: Manifests) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(manifests).items()}
    selectors = {
        "Deployment/ktup-api": {"Deployment/ktup-api"},
        "Deployment/ktup-worker": {"Deployment/ktup-worker"},
        "PodDisruptionBudget/ktup-api": {"Deployment/ktup-api"},
        "Service/ktup-api": {"Deployment/ktup-api"},
        "NetworkPolicy/ktup-api": {"Deployment/ktup-api"},
        "NetworkPolicy/ktup": set(labels),
    }
    found = {}
    for name, m in of_kind(manifests, "Deployment", "PodDisruptionBudget", "Service", "NetworkPolicy").items():
        selector = m["spec"].get("podSelector", m["spec"].get("selector"))
        wanted = selector.get("matchLabels", selector).items()
        found[name] = {pod for pod, given in labels.items() if wanted <= given.items()}
    assert found == selectors


def test_every_claim_is_made_and_the_api_only_reads_releases(manifests: Manifests) -> None:
    claims = {name.partition("/")[2] for name in of_kind(manifests, "PersistentVolumeClaim")}
    used = {}
    for name, pod in pods(manifests).items():
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        (container,) = pod["spec"]["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == volumes.keys(), name
        used[name] = {v["persistentVolumeClaim"]["claimName"] for v in volumes.values() if "persistentVolumeClaim" in v}
    assert set().union(*used.values()) == claims
    (container,) = pods(manifests)["Deployment/ktup-api"]["spec"]["containers"]
    (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "releases"]
    assert mount["readOnly"] is True
    shared = of_kind(manifests, "PersistentVolumeClaim")["PersistentVolumeClaim/ktup-releases"]
    # Pods on several nodes read what the worker writes.
    assert shared["spec"]["accessModes"] == ["ReadWriteMany"]


def test_every_probe_asks_for_a_path_and_a_port_that_the_api_has(manifests: Manifests) -> None:
    (container,) = pods(manifests)["Deployment/ktup-api"]["spec"]["containers"]
    ports = {port["name"] for port in container["ports"]}
    probes = {name: container[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert {probe["path"] for probe in probes.values()} <= create_api().openapi()["paths"].keys()
    assert {probe["port"] for probe in probes.values()} <= ports
    # A database that is away must not have every pod killed.
    assert probes["livenessProbe"]["path"] == "/health/live"
    assert probes["readinessProbe"]["path"] == "/health/ready"
    (service_port,) = of_kind(manifests, "Service")["Service/ktup-api"]["spec"]["ports"]
    assert service_port["targetPort"] in ports


def test_a_pod_that_goes_has_time_for_its_pause_and_its_requests(manifests: Manifests) -> None:
    spec = pods(manifests)["Deployment/ktup-api"]["spec"]
    pause = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    (seconds,) = [
        int(line.partition("=")[2])
        for line in (FOLDER / "settings.env").read_text(encoding="utf-8").split()
        if line.startswith("KTUP_SHUTDOWN_SECONDS=")
    ]
    assert spec["terminationGracePeriodSeconds"] > pause + seconds
