"""Objects as rows, for people; and objects without what is inside, for those who only want to know what there is."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from tailsvc.objects.kinds import Document, Kind

Include = Literal["None", "Metadata", "Object"]
META_VERSION = "meta.k8s.io/v1"


def table(kind: Kind, documents: Iterable[Document], now: datetime, include: Include, metadata: Document) -> Document:
    """`metadata`: of the list, or of the one object."""
    return {
        "kind": "Table",
        "apiVersion": META_VERSION,
        "metadata": metadata,
        "columnDefinitions": column_definitions(kind),
        "rows": [_row(kind, document, now, include) for document in documents],
    }


def column_definitions(kind: Kind) -> list[Document]:
    name = {"name": "Name", "type": "string", "format": "name", "description": "Name of the object.", "priority": 0}
    others: list[Document] = [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        }
        for column in kind.columns
    ]
    return [name, *others]


def partial(document: Document) -> Document:
    return {"kind": "PartialObjectMetadata", "apiVersion": META_VERSION, "metadata": document["metadata"]}


def _row(kind: Kind, document: Document, now: datetime, include: Include) -> Document:
    cells: list[Any] = [document["metadata"]["name"], *(column.cell(document, now) for column in kind.columns)]
    if include == "None":
        return {"cells": cells, "object": None}
    return {"cells": cells, "object": document if include == "Object" else partial(document)}
