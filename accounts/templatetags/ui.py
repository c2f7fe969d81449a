"""Small pieces that every template may use: icons, flags, form widgets and times."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.forms import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

FLAG_A = 0x1F1E6  # regional indicator A
FLAG_ISO = {"UK": "GB"}


@register.simple_tag
def icon(name: str, css: str = "") -> SafeString:
    """A sign of our own set (static/img/icons.svg), hidden from screen readers: words stand beside it."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>',
        css,
        static("img/icons.svg"),
        name,
    )


@register.filter
def flag(iso2: str) -> str:
    """The flag of an ISO 3166-1 alpha-2 code as emoji, a globe for anything else."""
    code = iso2.upper()
    code = FLAG_ISO.get(code, code)
    if len(code) != 2 or not (code.isascii() and code.isalpha()):
        return "\U0001f310"
    return "".join(chr(FLAG_A + ord(letter) - ord("A")) for letter in code)


@register.filter
def seconds_until(moment: datetime | None) -> int:
    """Whole seconds from now, never negative; what the countdown script starts from."""
    if moment is None:
        return 0
    return max(0, int((moment - timezone.now()).total_seconds()))


@register.filter
def clock(seconds: int) -> str:
    """725 → "12:05", 3725 → "1:02:05"."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@register.filter
def styled(field: BoundField) -> SafeString:
    """The field's widget in the portal's dress."""
    css = field.field.widget.attrs.get("class", "")
    return field.as_widget(attrs={"class": f"input {css}".strip()})
