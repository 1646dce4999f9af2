"""What runs Trellis knows all of it: every setting is told, every queue has its worker, every image its start."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tutor.celery import ROUTES
from tutor.devtools.demo import Demo

ROOT = Path(__file__).resolve().parent.parent.parent
ENTRYPOINT = ROOT / "docker" / "entrypoint"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
COMPOSE = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"].startswith("trellis-")}
BUILT = {name: service for name, service in OURS.items() if "build" in service}
TARGETS = set(re.findall(r"^FROM \S+ AS (\S+)", (ROOT / "docker" / "Dockerfile").read_text(), re.M))
ROLES = set(re.findall(r"^([a-z]+)\)", ENTRYPOINT.read_text(), re.M))


def read_variables() -> set[str]:
    """Of the environment, in the product's code."""
    found = set()
    for folder in ("api", "curricula", "kt_models", "tutor"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(re.findall(r"\benv(?:iron)?(?:\.\w+\(|\[)\"([A-Z][A-Z_]+)\"", path.read_text()))
    return found - {"DJANGO_SETTINGS_MODULE"}


@pytest.mark.parametrize("name", sorted(read_variables()))
def test_every_setting_is_in_the_handbook(name: str) -> None:
    assert f"`{name}`" in OPERATIONS


def consumed(text: str) -> set[str]:
    return {queue for queues in re.findall(r"-Q (\S+)", text) for queue in queues.split(",")}


@pytest.mark.parametrize("queue", sorted(set(ROUTES.values())))
def test_every_queue_has_a_worker_in_the_demo(queue: str) -> None:
    assert queue in consumed(" ".join(Demo("127.0.0.1", 8000, workers=True).programs().values()))


@pytest.mark.parametrize("queue", sorted(set(ROUTES.values())))
def test_every_queue_has_a_worker_among_the_containers(queue: str) -> None:
    started = {service["command"][0] for service in COMPOSE["services"].values() if "command" in service}
    queues = re.findall(r"^([a-z]+)\) (?:worker [a-z]+|exec .* -Q) (\S+) ", ENTRYPOINT.read_text(), re.M)
    assert any(queue in names.split(",") for role, names in queues if role in started)


def test_containers_start_what_the_entrypoint_knows() -> None:
    assert {service["build"]["target"] for service in BUILT.values()} == TARGETS - {"base"}
    assert {service["command"][0] for service in OURS.values()} == ROLES
    assert {role for role in ROLES if f"`{role}`" not in OPERATIONS} == set()


def test_an_image_is_built_by_one_service_alone() -> None:
    """Compose builds in parallel, and stops where two services make the same image."""
    images = [service["image"] for service in BUILT.values()]
    assert sorted(images) == sorted(set(images))
    assert {service["image"] for service in OURS.values()} == set(images)


@pytest.mark.parametrize("name", sorted(set(OURS) - set(BUILT)))
def test_a_service_whose_image_another_builds_waits_for_that_one(name: str) -> None:
    """Whoever starts it alone builds its image too, and no registry is asked for what is ours."""
    service = OURS[name]
    assert service["pull_policy"] == "never"
    assert service["image"] in {OURS[other]["image"] for other in service["depends_on"] if other in BUILT}


def test_without_workers_the_demo_is_the_web_server_alone() -> None:
    assert list(Demo("127.0.0.1", 8000, workers=False).programs()) == ["web"]


@pytest.mark.parametrize(("script", "shell"), [(ENTRYPOINT, "sh"), (ROOT / ".ci" / "run", "bash")], ids=["sh", "bash"])
def test_shell_scripts_parse(script: Path, shell: str) -> None:
    subprocess.run([shell, "-n", str(script)], check=True)
    assert script.stat().st_mode & 0o111


def test_the_web_image_has_all_but_what_only_models_need() -> None:
    left_out = re.search(r"grep -vE '\^\(([^)]+)\)=='", (ROOT / "docker" / "Dockerfile").read_text())
    assert left_out is not None
    core = set(re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements" / "core.txt").read_text(), re.M))
    assert set(left_out[1].split("|")) <= core


def test_fits_give_way_to_what_learners_wait_for_in_containers_too() -> None:
    weight = {name: service.get("cpu_shares", 1024) for name, service in COMPOSE["services"].items()}
    assert all(weight["training"] * 8 <= each for name, each in weight.items() if name != "training")
