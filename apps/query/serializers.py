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


class Meta(serializers.Serializer[Any]):
    has_more = serializers.BooleanField()
    next_cursor = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(allow_null=True)
    ignored = Ignored(many=True, required=False)


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
