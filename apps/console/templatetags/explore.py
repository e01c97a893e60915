"""Log text in templates."""

from django import template
from django.utils.safestring import SafeString

from apps.console.explore.log_text import to_html

register = template.Library()
_MOST = 500


@register.filter
def log_text(text: object) -> SafeString:
    """A short text that came with a line, or from an address."""
    return to_html(str(text), most=_MOST)
