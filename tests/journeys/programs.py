"""Real programs of Debian, configured as their users do and run in the foreground."""

import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from config.runtime.ports import free_port
from tests.debian import required_tree
from tests.runtime.instances import until

_NGINX = "usr/sbin/nginx"
_SYSLOG_NG = "usr/sbin/syslog-ng"
_SYSLOG_NG_HTTP = "usr/lib/syslog-ng/*/libhttp.so"

# The answer's status is the first part of the path: /404/some/page.
_NGINX_CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                     '"$http_referer" "$http_user_agent" $request_time';
    access_log {folder}/access.log timed;
    server {{
        listen 127.0.0.1:{port};
{locations}
    }}
}}
"""

_SYSLOG_NG_HEAD = """@version: 3.35
options { time-reopen(1); stats-freq(0); keep-hostname(yes); };
"""
# A batch is one request. The last line of a body has no newline: that is how syslog-ng joins them.
_SYSLOG_NG_CONFIGURATION = """
source s_access {{ file("{log}" flags(no-parse) follow-freq(0.1)); }};
destination d_tailsvc {{
    http(
        url("{url}")
        method("POST")
        headers("Authorization: Bearer {token}", "Content-Type: application/x-ndjson")
        body('$(format-json --scope none log="$MSG" filename="$FILE_NAME")')
        batch-lines(10)
        batch-timeout(200)
        workers(2)
        retries(100)
    );
}};
log {{ source(s_access); destination(d_tailsvc); flags(flow-control); }};
"""


@dataclass(frozen=True, slots=True)
class Nginx:
    port: int
    access_log: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def logged(self) -> list[str]:
        return self.access_log.read_text().splitlines()


@contextmanager
def running_nginx(folder: Path, *, statuses: Sequence[int]) -> Iterator[Nginx]:
    """Answers any path below /STATUS/ with that status, and writes an access log with response times."""
    program = required_tree("nginx", provide=[_NGINX]).program(_NGINX)
    port, configuration = free_port(), folder / "nginx.conf"
    locations = "\n".join(f'        location /{status}/ {{ return {status} "hello"; }}' for status in statuses)
    # Its workers would give up root, and could then not read the temporary folder.
    user = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
    configuration.write_text(_NGINX_CONFIGURATION.format(folder=folder, user=user, port=port, locations=locations))
    command = [str(program), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(configuration)]
    with _running(command, folder / "nginx.out"):
        until(lambda: _listens(port), "nginx to listen")
        yield Nginx(port, folder / "access.log")


@contextmanager
def running_syslog_ng(folder: Path, *, log: Path, url: str, token: str) -> Iterator[subprocess.Popen[bytes]]:
    """Ships the lines of `log`, old and new, to `url`."""
    with running_syslog_ng_with(folder, _SYSLOG_NG_CONFIGURATION.format(log=log, url=url, token=token)) as process:
        yield process


@contextmanager
def running_syslog_ng_with(folder: Path, paths: str) -> Iterator[subprocess.Popen[bytes]]:
    """`paths`: sources, destinations and logs, as they stand in a file of conf.d."""
    tree = required_tree("syslog-ng-core", "syslog-ng-mod-http", provide=[_SYSLOG_NG, _SYSLOG_NG_HTTP])
    configuration = folder / "syslog-ng.conf"
    configuration.write_text(_SYSLOG_NG_HEAD + paths)
    files = {"--cfgfile": configuration, "--persist-file": folder / "persist", "--pidfile": folder / "pid"}
    files |= {"--control": folder / "control", "--module-path": tree.find(_SYSLOG_NG_HTTP).parent}
    command = [str(tree.program(_SYSLOG_NG)), "--foreground", "--no-caps", "--stderr", *_flat(files)]
    with _running(command, folder / "syslog-ng.out") as process:
        yield process


def _flat(options: Mapping[str, Path]) -> list[str]:
    return [f"{name}={value}" for name, value in options.items()]


@contextmanager
def _running(command: Sequence[str], output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Ended softly, as an operator does; its output belongs to a failure's report."""
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True)
    try:
        yield process
    except BaseException as error:
        error.add_note(f"{command[0]} said:\n{output.read_text(errors='replace')[-4000:]}")
        raise
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0
