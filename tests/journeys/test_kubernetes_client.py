"""Kubernetes' own Python client: discovery, objects, patches, apply, watch."""

import json
import os
import subprocess
from pathlib import Path

from tests.clients import client_python
from tests.journeys.service import Service

PROGRAM = Path(__file__).with_name("kubernetes_program.py")


def test_the_python_client_does_it_all(service: Service) -> None:
    done = subprocess.run(
        [client_python(), PROGRAM, service.address],
        env={**os.environ, "TOKEN": service.secret("token")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "version": "v1.36.0",
        "pod": "web-2",
        "conflict": 409,
        "gone": 404,
        "events": ["ADDED", "MODIFIED", "MODIFIED", "DELETED"],
    }
