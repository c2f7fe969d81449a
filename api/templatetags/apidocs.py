"""What the pages for programmers need: code within a sentence, and commands for the host that was asked."""

from __future__ import annotations

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from api.docs import Command

register = template.Library()


@register.filter
def coded(text: str) -> SafeString:
    """What stands between ` and ` as code, the rest as it is; all of it escaped."""
    parts = enumerate(text.split("`"))
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if place % 2 else part,) for place, part in parts)
    )


@register.filter
def curl(command: Command, origin: str) -> str:
    return command.curl(origin)
