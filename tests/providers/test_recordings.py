"""Answers as the contracts have them, and the same answers spoiled: nothing is guessed, nothing is slow.

`recordings/<protocol>/<call>.<outcome>[.<variant>].http` is a status line, headers, an empty line and the
body. `call` is a name of test_contract.calls_of (`prices-1`: the second call), `outcome` is `ok` or the code
of the error that the answer means. We wrote them from docs/protocols; none is anybody's traffic. Those
of other protocols are `.json` files, read value by value in test_translations.py; here they are spoiled, too.
"""

import random
import re
import time
import types
import typing
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from functools import cache
from pathlib import Path

import pytest

from providers.contract import (
    Account,
    Lease,
    ListedLease,
    OutcomeUnknown,
    Refused,
    Reply,
    Unreachable,
    UpstreamState,
)
from providers.http.common import next_page, read
from providers.registry import ADAPTERS
from tests.providers import test_translations as translations
from tests.providers.test_contract import calls_of

RECORDINGS = Path(__file__).parent / "recordings"
OPTIONS = {
    "handler": {"dialect": "classic", "rent_hours": [24], "rent_countries": [2]},
    "onlinesim": {"rate": "0.01", "prices": ["*=40", "rent=320"]},
}
SPOILED = 2_000  # answers per protocol
CPU_SECONDS = 1.0
TOKEN = re.compile(r'"[^"]*"|-?\d+(?:\.\d+)?|null|true|false|\[\]|[A-Z_]{3,}')
NASTY = [
    "null", "true", "[]", "{}", '""', "0", "-1", "1e400", "NaN", "1" * 25, "0.1" + "1" * 30, "1e5", '"x"',
    "''", '"' + "9" * 5_000 + '"', "\x00", "\ufffd", '"١٢٣"', "1,5", "<b>", "STATUS_OK", "BANNED:'x'", ":",
    "::::", "[" * 3_000 + "]" * 3_000, '{"a":' * 3_000, "\ud7ff\U0001f600", '"2026-13-45 25:61:61"',
    '"0001-01-01 00:00:00"',
]  # fmt: skip
WRAPPERS = [('"', '"'), ("[", "]"), ('{"status":"error","message":', "}"), ("\ufeff", "\r\n")]
REFERENCE = re.compile(r"(?!None$|True$|False$|null$)[A-Za-z0-9_-]{1,80}")
STATUSES = [200, 200, 200, 201, 204, 400, 401, 403, 404, 409, 429, 500, 503]


@cache
def adapter_of(protocol):
    account = Account("https://upstream.example", "key", options=OPTIONS.get(protocol, {}))
    return ADAPTERS[protocol](account)


@cache
def calls(protocol):
    wish = {"service": "s", "country": "c", "operator": "any", "offer_ref": "", "our_ref": "o"}
    return calls_of(adapter_of(protocol), {**wish, "ceiling_micros": 1_000_000}, {"upstream_ref": "1"})


def reply_in(path):
    head, _, body = path.read_text().partition("\n\n")
    first, *lines = head.splitlines()
    return Reply(int(first.split()[1]), body, dict(line.split(": ", 1) for line in lines))


def call_of(path):
    name = path.name.split(".")[0]
    made = calls(path.parent.name)
    return made.get(name) or made[name.replace("-", " ") if "-" in name else f"{name} 0"]


recordings = sorted(RECORDINGS.glob("*/*.http"))
protocols = sorted({path.parent.name for path in recordings})
SPOKEN = sorted(set(ADAPTERS) - {"sandbox"})  # that one's other side is ours as well


@pytest.mark.parametrize("path", recordings, ids=lambda path: f"{path.parent.name} {path.stem}")
def test_a_recorded_answer_is_read_as_what_it_is(path):
    value, error = result_of(call_of(path), reply_in(path))

    assert (error.code if error else "ok") == path.name.split(".")[1]
    assert faults_of(value) == []
    if error is None and path.name.startswith(("status.", "rental_status.")):
        assert value.state is not UpstreamState.UNKNOWN


@pytest.mark.parametrize("protocol", protocols)
def test_every_call_has_a_recorded_answer(protocol):
    recorded = {path.name.split(".")[0] for path in recordings if path.parent.name == protocol}

    assert {re.sub(r"[- ]\d$", "", name) for name in recorded} == {
        re.sub(r" \d$", "", name) for name in calls(protocol)
    }


@pytest.mark.parametrize("protocol", SPOKEN)
def test_u5_spoiled_answers_give_one_of_three_errors_or_a_checked_value(protocol):
    """Seeded by the protocol's name, so that a failure comes again."""
    chance = random.Random(protocol)
    mine = answers_of(protocol)
    replies = [reply for _, _, reply in mine]
    kinds = set()
    for number in range(SPOILED):
        name, call, answer = chance.choice(mine)
        reply = spoil(answer, chance, replies)
        story = f"no. {number}, {name}: {reply.status} {reply.text!r:.400}"
        started = time.process_time()
        value, error = result_of(call, reply, story)
        assert time.process_time() - started < CPU_SECONDS, story
        assert faults_of(value) == [], story
        kinds.add(type(error))
    assert {type(None), OutcomeUnknown} <= kinds


def answers_of(protocol):
    """(name, call, reply) of everything that is recorded of a protocol, in either form."""
    told = [
        (f"{name}: {one['name']}", translations.calls_of(protocol, name, recording)[one.get("to", 0)], one)
        for spoken, name, recording in translations.recordings()
        if spoken == protocol
        for one in recording["replies"]
    ]
    return [
        *((path.name, call_of(path), reply_in(path)) for path in recordings if path.parent.name == protocol),
        *((name, call, translations.reply_of(one)) for name, call, one in told),
    ]


def result_of(call, reply, story=""):
    """(value, None) or (None, error), as whoever carries the call would have it."""
    try:
        value = read(call, reply)
        next_page(call, reply)
    except (Refused, OutcomeUnknown, Unreachable) as error:
        return None, error
    except Exception as slip:
        raise AssertionError(story) from slip
    return value, None


# --- spoiling ---


def spoil(reply, chance, mine):
    text, status = reply.text, reply.status
    for _ in range(chance.randint(1, 3)):
        text = chance.choice(SPOILERS)(text, chance, mine)
    if chance.random() < 0.2:
        status = chance.choice(STATUSES)
    return Reply(status, text, reply.headers)


def cut(text, chance, _mine):
    return text[: chance.randint(0, len(text))]


def drop(text, chance, _mine):
    start = chance.randint(0, len(text))
    return text[:start] + text[start + chance.randint(1, 12) :]


def double(text, chance, _mine):
    start = chance.randint(0, len(text))
    return text[:start] + text[start : start + chance.randint(1, 40)] * 2 + text[start:]


def swap_token(text, chance, _mine):
    found = list(TOKEN.finditer(text))
    if not found:
        return text + chance.choice(NASTY)
    one = chance.choice(found)
    return text[: one.start()] + chance.choice(NASTY) + text[one.end() :]


def scribble(text, chance, _mine):
    place = chance.randint(0, len(text))
    return text[:place] + chance.choice(NASTY) + text[place:]


def wrap(text, chance, _mine):
    before, after = chance.choice(WRAPPERS)
    return before + text + after


def another(_text, chance, mine):
    return chance.choice(mine).text


SPOILERS = [cut, drop, double, swap_token, swap_token, swap_token, scribble, wrap, another]


# --- what a value must be like ---


def faults_of(value, hint=typing.Any, place="value"):
    """Where a value is not as the contract's types say, or could not be used."""
    if is_dataclass(value):
        hints = typing.get_type_hints(type(value))
        found = [
            fault
            for field in fields(value)
            for fault in faults_of(getattr(value, field.name), hints[field.name], f"{place}.{field.name}")
        ]
        if isinstance(value, Lease | ListedLease):
            if not REFERENCE.fullmatch(value.upstream_ref):
                found.append(f"{place}: no reference {value.upstream_ref!r:.60}")
            if not re.fullmatch(r"[0-9]{1,20}", value.phone):
                found.append(f"{place}: no phone {value.phone!r:.60}")
        return found
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        kinds = typing.get_args(hint)
        if value is None:
            return [] if type(None) in kinds else [place]
        return faults_of(value, next(kind for kind in kinds if kind is not type(None)), place)
    if isinstance(value, Sequence) and not isinstance(value, str):
        (kind,) = typing.get_args(hint) or (typing.Any,)
        return [fault for one in value for fault in faults_of(one, kind, f"{place}[]")]
    return [] if fits(value, hint) else [f"{place}: {value!r:.60} is no {hint}"]


def fits(value, hint):
    if isinstance(value, datetime):
        return value.tzinfo is not None
    if type(value) is int and hint is int:
        return abs(value) <= 10**31
    if hint is float:
        return type(value) in (int, float)
    return hint is typing.Any or (isinstance(value, hint) if issubclass(hint, Enum) else type(value) is hint)
