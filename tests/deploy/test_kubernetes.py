"""deploy/kubernetes against the schemas that its makers publish."""

import json
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


def patched(document: Any, patch: Any) -> Any:
    """A strategic merge, as kustomize does it: lists of named things are merged by their names."""
    if isinstance(document, dict) and isinstance(patch, dict):
        return document | {
            name: patched(document[name], value) if name in document else value
            for name, value in patch.items()
        }
    if isinstance(document, list) and all(isinstance(item, dict) for item in [*document, *patch]):
        merged = {name_of(item): item for item in document}
        for item in patch:
            merged[name_of(item)] = patched(merged.get(name_of(item), {}), item)
        return list(merged.values())
    return patch


def name_of(item: dict[str, Any]) -> str:
    return str(next(item[key] for key in ("mountPath", "name", "topologyKey") if key in item))


def pods() -> list[dict[str, Any]]:
    """Deployments and jobs with what the component gives every pod."""
    component = yaml.safe_load((FOLDER / "pods" / "kustomization.yaml").read_text())
    [entry] = component["patches"]
    assert entry["target"] == {"kind": "Deployment|Job", "labelSelector": "app=jari"}
    patch = yaml.safe_load((FOLDER / "pods" / entry["path"]).read_text())["spec"]
    return [
        document | {"spec": patched(document["spec"], patch)}
        for document in ALL
        if document["kind"] in ("Deployment", "Job")
    ]


def test_every_pod_is_patched_into_what_its_schema_says():
    assert {document["metadata"]["labels"]["app"] for document in pods()} == {"jari"}
    assert [line for document in pods() for line in problems(document)] == []


def test_no_pod_may_do_more_than_it_needs():
    for document in pods():
        pod = document["spec"]["template"]["spec"]
        [container] = pod["containers"]

        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        keys = {"name": "keys", "mountPath": "/etc/jari/keys", "readOnly": True}
        assert keys in container["volumeMounts"]
        given = [entry["name"] for entry in container["env"]]
        assert len(given) == len(set(given))
        assert {"APP_PASSWORD", "DATABASE_URL", "SECRET_KEY_FILE"} <= set(given)
        # The owner of the tables is known to the step that migrates alone.
        is_migrating = document["kind"] == "Job"
        assert ("DATABASE_OWNER_URL" in given) == is_migrating


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
