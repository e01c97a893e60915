"""nginx writes its access log, syslog-ng ships it, the query API finds each request."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.gateway import gateway
from tests.journeys.programs import Nginx, running_nginx, running_syslog_ng, stop
from tests.journeys.service import Service, Stream, every_event
from tests.runtime.instances import until
from tests.servers import reachable_folder

STATUSES = (200, 301, 404, 410, 500, 503)
SLOW_SECONDS = 0.15
SHIPPED_WITHIN_SECONDS = 60


@pytest.fixture
def nginx() -> Iterator[Nginx]:
    with reachable_folder() as folder, running_nginx(folder, statuses=STATUSES) as running:
        yield running


def visit(nginx: Nginx, numbers: range) -> None:
    """One request for each number, on paths of their own; every tenth is slow."""
    with httpx.Client(base_url=nginx.address) as browser:
        for number in numbers:
            path = f"/{STATUSES[number % len(STATUSES)]}/page-{number}"
            if number % 10:
                browser.get(path, headers={"User-Agent": f"browser/{number}", "Referer": "http://example.org/"})
            else:
                visit_slowly(nginx, path)


def visit_slowly(nginx: Nginx, path: str) -> None:
    """nginx measures from the first byte of a request to the last of its answer."""
    with socket.create_connection(("127.0.0.1", nginx.port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n".encode())
        time.sleep(SLOW_SECONDS)
        connection.sendall(b"Connection: close\r\n\r\n")
        while connection.recv(4096):
            pass


def test_each_request_is_found_by_path_status_and_response_time(service: Service, nginx: Nginx, tmp_path: Path) -> None:
    stream = service.new_stream("syslog-ng")
    visit(nginx, range(30))  # before syslog-ng starts, as after a reboot
    with running_syslog_ng(tmp_path, log=nginx.access_log, url=stream.ingest_url, token=stream.ingest_token) as shipper:
        visit(nginx, range(30, 60))
        wait_for(service, stream, 60)
        stop(shipper)  # it sends what it still has; a double would arrive now
    assert_the_log_is_there_once(service, stream, nginx)
    assert_each_request_is_found(service, stream, nginx)


def test_nothing_is_lost_or_doubled_when_some_batches_are_refused_first(
    service: Service, nginx: Nginx, tmp_path: Path
) -> None:
    stream = service.new_stream("syslog-ng with refusals")
    with gateway(service.address, refuses=lambda nth: nth % 3 != 2) as busy:
        url = stream.ingest_url.replace(service.address, busy.address)
        with running_syslog_ng(tmp_path, log=nginx.access_log, url=url, token=stream.ingest_token) as shipper:
            visit(nginx, range(60))
            wait_for(service, stream, 60)
            stop(shipper)  # it sends what it still has; a double would arrive now
    assert busy.refused >= 6
    assert busy.passed >= 3
    assert_the_log_is_there_once(service, stream, nginx)


def wait_for(service: Service, stream: Stream, events: int) -> None:
    until(lambda: service.count(stream) >= events, f"{events} events", seconds=SHIPPED_WITHIN_SECONDS)


def assert_the_log_is_there_once(service: Service, stream: Stream, nginx: Nginx) -> None:
    shipped = service.events(stream)
    assert sorted(event["raw_message"] for event in shipped) == sorted(nginx.logged())
    assert {event["fields"]["filename"] for event in shipped} == {str(nginx.access_log)}
    assert sorted(event["id"] for event in shipped) == list(range(1, 61))


def assert_each_request_is_found(service: Service, stream: Stream, nginx: Nginx) -> None:
    slow = 0
    with service.api() as api:
        for line in nginx.logged():
            path, status, milliseconds = line.split()[6], int(line.split()[8]), float(line.split()[-1]) * 1000
            clauses = [
                {"field": "path", "value": path},
                {"field": "status", "value": status},
                {"field": "response_time_ms", "operator": "between", "value": [milliseconds - 0.5, milliseconds + 0.5]},
            ]
            found = list(every_event(api, stream.uuid, filters=json.dumps(clauses)))
            assert [event["raw_message"] for event in found] == [line]
            slow += milliseconds >= SLOW_SECONDS * 1000 / 2  # its clock is a little coarse
    assert slow >= 6
