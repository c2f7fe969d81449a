"""docker-compose.yml: its command lines start, with production's settings, on the servers of the tests."""

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests
import yaml
from cryptography.fernet import Fernet

from portal.embedded.places import CHECKOUT

pytestmark = pytest.mark.xdist_group("deployment")
COMPOSE = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service.get("image") == "portal"}


def image_command():
    last = (CHECKOUT / "Dockerfile").read_text().split("CMD ")[1].replace("\\\n", "")
    return re.findall(r'"([^"]+)"', last)


def command_of(name, port):
    words = list(OURS[name].get("command") or image_command())
    words = [re.sub(r"0\.0\.0\.0", "127.0.0.1", word) for word in words]
    words = [
        re.sub(r"^(--port=)?8000$", rf"\g<1>{port}" if "=" in word else str(port), word) for word in words
    ]
    return [str(Path(sys.executable).parent / words[0]), *words[1:]]


def image_environment():
    last = (CHECKOUT / "Dockerfile").read_text().rsplit("ENV ", 1)[1].split("\nUSER")[0]
    return dict(re.findall(r"(\w+)=(\S+)", last))


def production():
    return {
        **{name: os.environ[name] for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL")},
        "PATH": os.environ["PATH"],
        "READ_ENV_FILES": "0",
        "SECRET_KEY": "Zk3vQ9xL1mN7pR5tW2yB8cD4fG6hJ0kXaSeUiOqP-VnMbTzRgHd",
        "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "ALLOWED_HOSTS": ".portal.example",
        "EMAIL_URL": "smtp+tls://u:p@mail.portal.example:587",
        "TRUSTED_PROXY_COUNT": "1",
        "METRICS_TOKEN": "scraper",
    }


@pytest.fixture
def start(tmp_path, django_db_setup):
    started = []

    def start(name):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = tmp_path / f"{name}.log"
        env = {**production(), **OURS[name].get("environment", {})}
        if "PROMETHEUS_MULTIPROC_DIR" in image_environment():
            env["PROMETHEUS_MULTIPROC_DIR"] = str(tmp_path)
        with log.open("wb") as output:
            process = subprocess.Popen(
                command_of(name, port), cwd=CHECKOUT, env=env, stdout=output, stderr=subprocess.STDOUT
            )
        started.append(process)
        return process, f"http://127.0.0.1:{port}", log

    yield start
    for process in started:
        process.terminate()
    for process in started:
        process.wait(20)


def until_up(process, url, log):
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return requests.get(f"{url}/healthz", timeout=20)
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.mark.parametrize("name", ["web", "live"])
def test_a_server_of_the_compose_file_starts_and_answers(start, name):
    process, url, log = start(name)
    assert until_up(process, url, log).text == "ok\n"

    # Whichever of its workers answers, the figures are those of all of them.
    scrape = {"headers": {"Authorization": "Bearer scraper", "Connection": "close"}, "timeout": 5}
    known = [requests.get(f"{url}/metrics", **scrape).text for _ in range(8)]
    foreign = requests.get(f"{url}/api/v1/x", headers={"Host": "evil.example"}, timeout=60)

    assert all("portal_request_seconds_bucket" in text for text in known)
    assert foreign.status_code in {400, 404}


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_a_worker_of_the_compose_file_starts(start, name):
    process, _, log = start(name)
    time.sleep(4)

    assert process.poll() is None, log.read_text()


def test_migrate_of_the_compose_file_runs_as_the_owner(start):
    process, _, log = start("migrate")

    assert process.wait(60) == 0, log.read_text()


def test_every_process_of_the_portal_is_in_the_compose_file():
    assert set(OURS) == {"migrate", "web", "live", "worker", "beat"}
