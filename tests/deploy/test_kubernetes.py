"""deploy/kubernetes against the schemas that its makers publish."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from django.conf import settings

from launcher.portal import node_commands

FOLDER = settings.BASE_DIR / "deploy" / "kubernetes"
SCHEMAS = Path(__file__).parent / "schemas"


def schemas() -> dict[str, dict[str, Any]]:
    """ "apiVersion Kind" → schema."""
    found = {}
    for file in SCHEMAS.glob("*.json"):
        content = json.loads(file.read_text())
        definitions = {"$defs": content.get("$defs", {})}
        found |= {kind: schema | definitions for kind, schema in content["kinds"].items()}
    return found


def documents(*folders: Path) -> Iterator[dict[str, Any]]:
    """What each kustomization names itself, before patches and images are put in."""
    for folder in folders:
        for name in yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]:
            yield from yaml.safe_load_all((folder / name).read_text())


ALL = list(documents(FOLDER, FOLDER / "migrate"))


def problems(document: dict[str, Any]) -> list[str]:
    schema = schemas()[f"{document['apiVersion']} {document['kind']}"]
    errors = jsonschema.Draft7Validator(schema).iter_errors(document)
    return [f"{document['metadata']['name']}: {error.message}" for error in errors]


@pytest.mark.parametrize(
    "document", ALL, ids=lambda document: f"{document['kind']} {document['metadata']['name']}"
)
def test_each_document_is_as_its_schema_says(document):
    assert problems(document) == []


def test_a_wrong_field_would_be_found():
    cluster = next(d for d in ALL if d["kind"] == "Cluster")
    wrong = json.loads(json.dumps(cluster))
    wrong["spec"]["postgresql"]["synchronous"]["dataDurability"] = "often"
    wrong["spec"]["instance"] = 3

    assert len(problems(wrong)) == 2


def test_what_kustomize_makes_of_them_is_so_too():
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl, which has kustomize in it, is not installed")
    for folder in (FOLDER, FOLDER / "migrate"):
        done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, check=True)
        made = list(yaml.safe_load_all(done.stdout))

        assert [line for document in made for line in problems(document)] == []
        pods = [d["spec"]["template"]["spec"] for d in made if d["kind"] in ("Deployment", "Job")]
        assert pods
        for pod in pods:
            (container,) = pod["containers"]
            assert pod["securityContext"]["runAsNonRoot"]
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert {"name": "keys", "mountPath": "/etc/jari/keys", "readOnly": True} in container[
                "volumeMounts"
            ]


def test_pods_run_what_a_node_runs():
    given = {
        d["metadata"]["labels"]["role"]: d["spec"]["template"]["spec"]["containers"][0]["args"]
        for d in ALL
        if d["kind"] == "Deployment"
    }

    assert given == {
        role: [part.removeprefix(f"{settings.BASE_DIR}/") for part in command[1:]]
        for role, command in node_commands("0.0.0.0", 8000).items()  # noqa: S104
    }


def test_the_database_promises_nothing_that_one_machine_alone_holds():
    cluster = next(d for d in ALL if d["kind"] == "Cluster")["spec"]

    assert cluster["instances"] == 3
    assert cluster["postgresql"]["synchronous"]["dataDurability"] == "required"
    assert cluster["postgresql"]["synchronous"]["number"] == 1
    assert cluster["postgresql"]["parameters"]["synchronous_commit"] == "on"
    assert cluster["affinity"]["podAntiAffinityType"] == "required"


def test_workers_are_scaled_by_the_length_of_the_queue_they_serve():
    serves = {
        d["metadata"]["name"]: d["spec"]["template"]["spec"]["containers"][0]["args"][2]
        for d in ALL
        if d["kind"] == "Deployment" and "rqworker" in str(d)
    }
    scaled = {
        d["spec"]["scaleTargetRef"]["name"]: d["spec"]["triggers"][0]["metadata"]["listName"]
        for d in ALL
        if d["kind"] == "ScaledObject"
    }

    assert scaled == {
        name: f"rq:queue:{queue}" for name, queue in serves.items() if queue != "line"
    }
