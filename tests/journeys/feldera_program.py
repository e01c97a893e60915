"""What a user of Feldera's SDK writes. Run by the interpreter that has it, with Feldera's own environment variables.

python feldera_program.py get NAME      what it is
python feldera_program.py list          all names
python feldera_program.py key NAME ROLE a new API key
python feldera_program.py logs NAME     each line, as it comes
python feldera_program.py resume NAME [CURSOR]
    the same, behind a cursor; at last, whatever ends it, where it came to
"""

import json
import sys

from feldera import FelderaClient, Pipeline


def main(what: str, *arguments: str) -> None:
    client = FelderaClient()
    {"get": get, "list": list_all, "key": key, "logs": logs, "resume": resume}[what](client, *arguments)


def get(client: FelderaClient, name: str) -> None:
    pipeline = Pipeline.get(name, client)
    tell(name=pipeline.name, id=pipeline.id(), status=pipeline.status().name, created_at=str(pipeline.created_at()))


def list_all(client: FelderaClient) -> None:
    tell(names=[pipeline.name for pipeline in client.pipelines()])


def key(client: FelderaClient, name: str, role: str) -> None:
    tell(**client.create_api_key(name, role))


def logs(client: FelderaClient, name: str) -> None:
    for line in Pipeline.get(name, client).logs():
        tell(line=line)
    tell(end="the logs have come to their end")


def resume(client: FelderaClient, name: str, cursor: str | None = None) -> None:
    with Pipeline.get(name, client).resume_logs(cursor) as stream:
        tell(gap=stream.position.gap)
        try:
            for line in stream:
                tell(line=line)
        finally:
            tell(cursor=stream.cursor())


def tell(**told: object) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception as error:  # noqa: BLE001 (the SDK's, and what it lets through)
        names = ("status_code", "error_code", "message", "details")
        tell(error=type(error).__name__, **{name: getattr(error, name, None) for name in names})
        sys.exit(1)
