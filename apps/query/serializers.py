"""The shapes of answers, for the API's schema. The answers themselves are built by `rendering`: they are many."""

from typing import Any

from rest_framework import serializers


class Ignored(serializers.Serializer[Any]):
    index = serializers.IntegerField()
    field = serializers.CharField()
    reason = serializers.CharField()


class Log(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    timestamp = serializers.DateTimeField()
    raw_message = serializers.CharField(allow_blank=True)
    raw_base64 = serializers.CharField(required=False, help_text="The line's bytes, where they are not UTF-8.")
    fields = serializers.DictField(required=False)  # type: ignore[assignment]
    attributes = serializers.DictField(required=False)


class Gaps(serializers.Serializer[Any]):
    incomplete = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Pieces of the stream that cannot be read; the answer is right but for their events.",
    )


class Notes(Gaps):
    ignored = Ignored(many=True, required=False)


class Meta(Notes):
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(allow_null=True)


class Links(serializers.Serializer[Any]):
    next = serializers.CharField(allow_null=True)


class LogPage(serializers.Serializer[Any]):
    data = Log(many=True)  # type: ignore[assignment]
    meta = Meta()
    links = Links()


class LogDetail(serializers.Serializer[Any]):
    data = Log()  # type: ignore[assignment]


class Surroundings(serializers.Serializer[Any]):
    before = Log(many=True)
    event = Log()
    after = Log(many=True)


class LogContext(serializers.Serializer[Any]):
    data = Surroundings()  # type: ignore[assignment]
    meta = Gaps()


class Window(Notes):
    start_time = serializers.IntegerField(help_text="As used, Unix time in ms.")
    end_time = serializers.IntegerField(help_text="As used, Unix time in ms.")


class HistogramBucket(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    counts = serializers.DictField(
        child=serializers.IntegerField(),
        help_text="By the split's value; events without one count under an empty text.",
    )


class HistogramMeta(Window):
    interval = serializers.IntegerField()
    split = serializers.CharField(allow_null=True)


class HistogramAnswer(serializers.Serializer[Any]):
    data = HistogramBucket(many=True)  # type: ignore[assignment]
    meta = HistogramMeta()


class FacetValue(serializers.Serializer[Any]):
    value = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()


class FacetMeta(Window):
    limit = serializers.IntegerField()
    approximate = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="Fields with so many values that rare ones may be missing, and counts be too small.",
    )


class FacetAnswer(serializers.Serializer[Any]):
    data = serializers.DictField(child=FacetValue(many=True))  # type: ignore[assignment]
    meta = FacetMeta()


class Deletion(serializers.Serializer[Any]):
    deleted = serializers.IntegerField(help_text="How many events a query would have found.")
    start_time = serializers.IntegerField(allow_null=True)
    end_time = serializers.IntegerField(allow_null=True)
    last_id = serializers.IntegerField(help_text="Events with a greater id came later and are kept.")


class DeletionAnswer(serializers.Serializer[Any]):
    data = Deletion()  # type: ignore[assignment]
    meta = Gaps()
