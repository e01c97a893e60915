"""Ignite's messages: their JSON, their modules, and lines from events."""

import json
import subprocess
import sys
from pathlib import Path

from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from tailsvc.dialects import ignite
from tailsvc.dialects.ignite import compute_pb2 as pb
from tailsvc.dialects.ignite.canonical import json_of
from tailsvc.dialects.ignite.lines import log_line
from tailsvc.events import Event

ROOT = Path(__file__).resolve().parent.parent.parent.parent
PROTO = "dodil/ignite/v1/compute.proto"
texts = st.text(st.characters(exclude_categories=["Cs"]))
int32, int64, uint64 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**64 - 1)
lines = st.builds(pb.LogLine, timestamp_ms=int64, replica_id=texts, stream=st.integers(0, 2), line=texts)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(pb.GetAppLogsResponse, lines=st.lists(lines, max_size=3), truncated=st.booleans()),
    st.builds(pb.AppEvent, timestamp_ms=int64, kind=st.integers(0, 13), reason=texts, count=int32),
    st.builds(
        pb.AppReplica, replica_id=texts, status=st.integers(0, 5), ready=st.booleans(), restart_count=int32,
        started_ms=int64, cpu_millicores_used=uint64, memory_mb_used=uint64,
    ),
    st.builds(pb.GetBuildLogResponse, log=st.binary(), found=st.booleans()),
    st.builds(pb.CompileLogChunk, data=st.binary(), timestamp_ms=int64),
)  # fmt: skip


@given(messages)
def test_our_json_is_protobuf_s_own(message: Message) -> None:
    theirs = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    assert json.loads(json_of(message)) == theirs
    assert json_format.Parse(json_of(message), type(message)()) == message


def test_fields_are_printed_in_their_order_also_those_with_default_values() -> None:
    names = [field.json_name for field in pb.AppReplica.DESCRIPTOR.fields]
    assert list(json.loads(json_of(pb.AppReplica(memory_mb_used=1, restart_count=2)))) == names


def test_a_value_of_an_enum_that_has_no_name_is_its_number() -> None:
    assert json.loads(json_of(pb.AppEvent(kind=99)))["kind"] == 99  # type: ignore[arg-type]


def test_the_modules_are_made_of_the_protos(tmp_path: Path) -> None:
    """`make protos` makes them."""
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(ROOT / "protos")]
    subprocess.run([*command, f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", PROTO], check=True)
    for made in (tmp_path / "dodil/ignite/v1").iterdir():
        assert made.read_text() == (Path(ignite.__path__[0]) / made.name).read_text(), made.name


def test_numbers_of_fields_are_frozen() -> None:
    """CompileLogChunk's are published; a change of any other breaks clients just the same."""
    numbers = {
        message.name: [(field.number, field.name, field.type) for field in message.fields]
        for message in pb.DESCRIPTOR.message_types_by_name.values()
    }
    assert numbers["CompileLogChunk"] == [(1, "data", 12), (2, "timestamp_ms", 3)]
    assert numbers["LogLine"] == [(1, "timestamp_ms", 3), (2, "replica_id", 9), (3, "stream", 14), (4, "line", 9)]
    assert [(number, kind) for number, _, kind in numbers["AppEvent"]] == [
        (1, 3), (2, 14), (3, 9), (4, 9), (5, 9), (6, 5), (7, 9),
    ]  # fmt: skip
    assert [(number, kind) for number, _, kind in numbers["AppReplica"]] == [
        (1, 9), (2, 9), (3, 9), (4, 14), (5, 8), (6, 5), (7, 3), (8, 9), (9, 4), (10, 4),
    ]  # fmt: skip


def test_a_line_keeps_the_millisecond_and_what_can_be_text() -> None:
    told = log_line(Event(1_999, b"\xff\x00a", stdio="stderr", container="app"))
    assert told == pb.LogLine(
        timestamp_ms=1, replica_id="app", stream=pb.LogStream.LOG_STREAM_STDERR, line="\ufffd\x00a"
    )
