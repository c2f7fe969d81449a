"""Finding the code in a message: the service's own pattern first, then a general reading.

Input is bounded before any expression sees it, and every expression here is linear (bounded repeats, no
nesting), so no message can make it slow. An operator's own may not be, so it sees less.
"""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import category, normalize

MAX_SEARCHED, MAX_SEARCHED_BY_OWN = 20_000, 1_000  # characters
MAX_CODE = 40

WORD = (
    r"(?:code|codes|pin|otp|passcode|password|token|verification|verify"
    r"|c[oó]digo|kod|kode|mã|код|пароль|验证码|認証コード|コード|인증번호)"
)
# One code: digits in groups (123-456, 12 34 56), or letters and digits mixed (G-123456, AB12CD).
DIGIT_GROUPS = r"\d{2,8}(?:[- ]\d{2,6}){0,3}"
SPACED_DIGITS = r"\d(?:[ ,.-]{1,2}\d){3,9}"  # read aloud: 1, 2, 3, 4
MIXED = r"(?=[A-Z0-9-]{0,11}\d)[A-Z0-9]{1,8}(?:-[A-Z0-9]{2,8}){0,2}"
EDGE_LEFT, EDGE_RIGHT = r"(?<![\w+.,/#-])", r"(?![\w/-]|[.,]\d)"

GAP = r"[^\w\n]{0,6}"
AFTER_WORD = re.compile(
    rf"{WORD}{GAP}(?:(?:is|es|est|ist|é|:|：){GAP})?({SPACED_DIGITS}|{DIGIT_GROUPS}|{MIXED})(?![\w/])",
    re.IGNORECASE,
)
PREFIXED = re.compile(rf"{EDGE_LEFT}[A-Z]{{1,3}}-(\d{{4,8}}){EDGE_RIGHT}")
PLAIN = re.compile(rf"{EDGE_LEFT}(\d{{3,4}}[- ]\d{{3,4}}|\d\d(?:[- ]\d\d){{2,3}}|\d{{4,8}}){EDGE_RIGHT}")
SPOKEN = re.compile(rf"{EDGE_LEFT}({SPACED_DIGITS}){EDGE_RIGHT}")
LETTERED = re.compile(
    rf"{EDGE_LEFT}((?=[A-Z0-9]{{0,9}}\d)(?=[A-Z0-9]{{0,9}}[A-Z])[A-Z0-9]{{4,10}}"
    rf"|[A-Z0-9]{{3,4}}-[A-Z0-9]{{3,4}}){EDGE_RIGHT}"
)
GENERAL = (PREFIXED, AFTER_WORD, PLAIN, SPOKEN, LETTERED)
# Letters alone are a code only right behind what announces one: CODE FROM GOOGLE holds none.
ANNOUNCED = re.compile(
    rf"(?i:{WORD}{GAP}(?:is|es|est|ist|é|:|：){GAP})([A-Z]{{3,4}}-[A-Z]{{3,4}}|[A-Z]{{4,10}})(?![\w/-])"
)
HAS_DIGIT = re.compile(r"\d")


def find_code(text: str, *, pattern: str = "") -> str | None:
    """The code in `text` without its spaces and dashes, or None. `pattern` is the service's own
    expression.
    """
    searched = _readable(text[:MAX_SEARCHED])
    if pattern and (own := _compiled(pattern)) and (found := own.search(searched, 0, MAX_SEARCHED_BY_OWN)):
        return _tidy(found.group(1 if own.groups else 0))
    for general in GENERAL:
        for found in general.finditer(searched):
            if HAS_DIGIT.search(found.group(1)) and (code := _tidy(found.group(1))):
                return code
    announced = ANNOUNCED.search(searched)
    return announced and announced.group(1)


def _readable(text: str) -> str:
    """Full-width and other digits as plain ones; direction marks and other invisible characters dropped."""
    return "".join(_plain(char) for char in normalize("NFKC", text))


def _plain(char: str) -> str:
    if char.isdecimal():
        return str(int(char))
    kind = category(char)
    if kind == "Cf" or char in "\ufe0f\u20e3":
        return ""  # marks of direction, joiners, the box of keycap emoji
    return " " if kind in {"Zs", "So", "Sk"} else char


def _tidy(code: str | None) -> str | None:
    if not code:
        return None
    if re.fullmatch(r"[\d ,.-]+", code):
        code = re.sub(r"\D", "", code)
    return code.replace(" ", "")[:MAX_CODE] or None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The operator's expression, or None when it does not compile or could take forever."""
    try:
        return re.compile(pattern, re.IGNORECASE) if is_safe(pattern) else None
    except re.error:
        return None


def is_safe(pattern: str) -> bool:
    """No repeat of a group: what all shapes of catastrophic backtracking have in common."""
    return len(pattern) <= 200 and not re.search(r"(?<!\\)\)\s*[+*{]", pattern)
