"""Documents as bytes, in the form that was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from apps.objects.http.negotiation import JSON, YAML, Wanted
from tailsvc.objects.bodies import print_yaml
from tailsvc.objects.kinds import API_VERSION, Document, Kind
from tailsvc.objects.tables import META_VERSION, Include, partial, table


@dataclass(frozen=True, slots=True)
class Shape:
    wanted: Wanted
    include: Include
    pretty: bool
    now: datetime

    @property
    def content_type(self) -> bytes:
        return self.wanted.media.encode()

    def one(self, kind: Kind, document: Document) -> Document:
        if self.wanted.form == "table":
            version = {"resourceVersion": document["metadata"].get("resourceVersion", "")}
            return table(kind, [document], self.now, self.include, version)
        return partial(document) if self.wanted.form == "partial" else document

    def many(self, kind: Kind, documents: Sequence[Document], metadata: Document) -> Document:
        if self.wanted.form == "table":
            return table(kind, documents, self.now, self.include, metadata)
        if self.wanted.form == "partial":
            items = [partial(one) for one in documents]
            listed = {"kind": "PartialObjectMetadataList", "apiVersion": META_VERSION}
            return {**listed, "metadata": metadata, "items": items}
        return {"kind": f"{kind.kind}List", "apiVersion": API_VERSION, "metadata": metadata, "items": list(documents)}

    def write(self, document: Document) -> bytes:
        if self.wanted.media == YAML:
            return print_yaml(document)
        # A database keeps members in an order that is nobody's.
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | (orjson.OPT_INDENT_2 if self.pretty else 0)) + b"\n"


def plain(now: datetime) -> Shape:
    return Shape(Wanted(JSON), "Metadata", pretty=False, now=now)
