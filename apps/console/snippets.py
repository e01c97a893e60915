"""What to paste in order to send logs. Each one is run by a test exactly as the page shows it."""

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a snippet sends to. `address` is the service's, `url` the stream's."""

    address: str
    url: str
    token: str
    stream: str
    personal_token: str = "tsp_..."  # noqa: S105 (what stands there until one is made)


@dataclass(frozen=True, slots=True)
class Snippet:
    key: str
    title: str
    where: str  # it goes
    hint: str
    text: Callable[[Destination], str]
    needs_personal_token: bool = False


def _curl(to: Destination) -> str:
    line = json.dumps({"level": "INFO", "message": "hello from curl"})
    return (
        f"curl -sS {shlex.quote(to.url)} \\\n"
        f"  -H {shlex.quote(f'Authorization: Bearer {to.token}')} \\\n"
        "  -H 'Content-Type: application/x-ndjson' \\\n"
        f"  --data-binary {shlex.quote(line)}\n"
    )


_PYTHON = """\
import json
import logging
import logging.handlers
import queue
import urllib.request

URL = {url}
TOKEN = {token}


class Tailsvc(logging.Handler):
    def emit(self, record):
        line = {{"ts": record.created, "level": record.levelname, "message": record.getMessage()}}
        headers = {{"Authorization": f"Bearer {{TOKEN}}", "Content-Type": "application/x-ndjson"}}
        try:
            request = urllib.request.Request(URL, json.dumps(line).encode(), headers)
            urllib.request.urlopen(request, timeout=10).close()
        except Exception:
            self.handleError(record)


waiting = queue.SimpleQueue()
sender = logging.handlers.QueueListener(waiting, Tailsvc())  # sends from a thread of its own
sender.start()
logging.basicConfig(level=logging.INFO, handlers=[logging.handlers.QueueHandler(waiting)])

logging.info("hello from Python")
sender.stop()  # at the end of your program: sends what still waits
"""

_NODE = """\
const url = {url};
const token = {token};

async function log(level, message, fields = {{}}) {{
  const line = {{ timestamp: new Date().toISOString(), level, message, ...fields }};
  const answer = await fetch(url, {{
    method: "POST",
    headers: {{ Authorization: `Bearer ${{token}}`, "Content-Type": "application/x-ndjson" }},
    body: JSON.stringify(line),
  }});
  if (!answer.ok) console.error(await answer.text());
}}

log("info", "hello from Node.js", {{ service: "web" }});
"""

_SYSLOG_NG = """\
source s_app { file("/var/log/app.log" flags(no-parse)); };
destination d_tailsvc {
    http(
        url("@URL@")
        method("POST")
        headers("Authorization: Bearer @TOKEN@", "Content-Type: application/x-ndjson")
        body('$(format-json --scope none log="$MSG" filename="$FILE_NAME")')
        batch-lines(1000)
        batch-timeout(1000)
        retries(100)
    );
};
log { source(s_app); destination(d_tailsvc); flags(flow-control); };
"""


def _python(to: Destination) -> str:
    return _PYTHON.format(url=json.dumps(to.url), token=json.dumps(to.token))


def _node(to: Destination) -> str:
    return _NODE.format(url=json.dumps(to.url), token=json.dumps(to.token))


def _syslog_ng(to: Destination) -> str:
    return _SYSLOG_NG.replace("@URL@", to.url).replace("@TOKEN@", to.token)


def _ship(to: Destination) -> str:
    return (
        f"export TAILSVC_URL={shlex.quote(to.address)}\n"
        f"export TAILSVC_TOKEN={shlex.quote(to.personal_token)}\n"
        f'echo "hello from the shell" | tailsvc ship {shlex.quote(to.stream)}\n'
    )


SNIPPETS = {
    one.key: one
    for one in (
        Snippet(
            "curl", "curl", "shell", "Paste it into a shell: one line as JSON. Plain text lines are welcome too.", _curl
        ),
        Snippet(
            "python",
            "Python",
            "Python program",
            "Python's own logging, nothing to install. The fields of each line become searchable by themselves.",
            _python,
        ),
        Snippet("node", "Node.js", "JavaScript program", "Node.js 18 or newer, nothing to install.", _node),
        Snippet(
            "syslog-ng",
            "syslog-ng",
            "/etc/syslog-ng/conf.d/tailsvc.conf",
            "With your own file in the first line. It keeps what could not be sent, and sends it again.",
            _syslog_ng,
        ),
        Snippet(
            "ship",
            "tailsvc ship",
            "shell",
            "Where this package is installed: any pipe or file, each line exactly once. It wants a personal access "
            "token, not the stream's.",
            _ship,
            needs_personal_token=True,
        ),
    )
}
