"""The examples of docs/api.md run, in their order, against a real server."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from tests import people

MANUAL = Path(__file__).parents[2] / "docs" / "api.md"

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")


@pytest.mark.django_db(transaction=True)
def test_the_examples_of_the_manual_run(live_server: LiveServer, tmp_path: Path) -> None:
    script = "\n".join(re.findall(r"```bash\n(.*?)```", MANUAL.read_text(), re.DOTALL))
    key = people.a_client(people.a_school()).key
    ran = subprocess.run(
        ["bash", "-exuo", "pipefail", "-c", script],
        env=os.environ | {"BASE": live_server.url, "KEY": key},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
