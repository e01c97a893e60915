"""How numbers, sizes and times are written for people."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.console.explore.log_text import to_html

register = template.Library()

_SIZES = ("bytes", "KB", "MB", "GB", "TB", "PB")


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """A picture beside words; it says nothing by itself."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', static("console/icons.svg"), name
    )


@register.filter
def log_lines(text: str) -> SafeString:
    """Many lines that strangers wrote."""
    return to_html(text, many_lines=True)


@register.filter
def size(count: int | float) -> str:
    """1536 -> 1.5 KB"""
    for unit in _SIZES:
        if count < 1000 or unit == _SIZES[-1]:
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "bytes" or count >= 99.5 else f"{count:.1f} {unit}"


@register.filter
def number(count: int) -> str:
    """12345 -> 12,345"""
    return f"{count:,}"


@register.filter
def short_number(count: float) -> str:
    """1234567 -> 1.2 M"""
    for unit in ("", " k", " M", " G"):
        if count < 999.5 or unit == " G":
            break
        count /= 1000
    told = f"{count:.0f}" if count >= 99.5 else f"{count:.1f}".removesuffix(".0")
    return told + unit


@register.filter
def hours(count: int) -> str:
    """720 -> 30 days"""
    if count >= 2 * 365 * 24:
        return f"{count // (365 * 24)} years"
    if count % 24 or count < 48:
        return f"{count} hour{'' if count == 1 else 's'}"
    return f"{count // 24} days"


@register.filter
def moment(at: datetime | int | None) -> Any:
    """A time that the page's script says in the reader's words; without it, in UTC. An int is microseconds."""
    if at is None:
        return "never"
    when = datetime.fromtimestamp(at / 1_000_000, UTC) if isinstance(at, int) else at.astimezone(UTC)
    return format_html(
        '<time datetime="{}">{}</time>', when.isoformat(timespec="seconds"), when.strftime("%Y-%m-%d %H:%M UTC")
    )
