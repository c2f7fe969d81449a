"""Answers that are a word and what belongs to it, `WORD:field:field`: the handler family and its relatives.

Members wrap the same words differently (white space, a byte order mark, quotes, small letters), so the form
is read leniently; which words there are is each adapter's own table.
"""

from __future__ import annotations

import hashlib
import re

from providers.contract import Reply, Sms

WORD = re.compile(r"[A-Z][A-Z0-9_]{1,39}")
PADDING = "\ufeff \t\r\n\0"
LONGEST_CODE = 20
COMPARED = 100  # texts are cut by some members; what they begin with tells them apart


def text_in(reply: Reply) -> str:
    """The text of an answer without what is wrapped around it."""
    return unquoted(reply.text.strip(PADDING))


def unquoted(text: str) -> str:
    """Without the one pair of quotes around it."""
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
    return text[1:-1].strip(PADDING) if is_quoted else text


def word_of(text: str) -> tuple[str, str]:
    """`status_ok: 12:34` → ("STATUS_OK", "12:34"): only the first colon counts. No word: an empty one."""
    word, _, rest = text.partition(":")
    word = word.strip(PADDING).upper()
    return (word, unquoted(rest.strip(PADDING))) if WORD.fullmatch(word) else ("", "")


def digits_of(value: object) -> str:
    """An id or a phone, a number or text, without its `+`. Raises ValueError for anything else."""
    text = value.strip().removeprefix("+") if isinstance(value, str) else str(value)
    if type(value) not in (int, str) or not re.fullmatch(r"[0-9]{1,20}", text):
        raise ValueError("not digits")
    return text


def message(code: str, text: str = "", *, repeat: int = 0, **facts: object) -> Sms:
    """A message that has no id of its own. `code` may be a whole text, where no code was found in it.

    The same message is told with its text in one answer and as a code alone in another, so what it is known
    by is made of the code, or else of the letters and digits of the text. `repeat`: how many messages of the
    same answer said the same before.
    """
    is_code = len(code) <= LONGEST_CODE and not re.search(r"\s", code)
    said = code or text
    letters = "".join(char for char in said if char.isalnum())[:COMPARED] or said
    known_by = hashlib.sha256(letters.casefold().encode(errors="replace")).hexdigest()[:40]
    return Sms(
        text=text or ("" if is_code else code),
        code=code if is_code else "",
        upstream_ref=f"{known_by}-{repeat}" if repeat else known_by,
        **facts,  # type: ignore[arg-type]
    )
