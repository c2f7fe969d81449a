"""What adapters send and how they read, value by value (recordings/<protocol>/<call>.json, written by us from
docs/protocols).

A recording has the `arguments` of one call of the adapter, what it `sends` (one request, or several where the
call is a list of them), and `replies`: each with what it `reads` as (fields that differ from their default),
the error it `raises` with its `facts`, and where it `follows` to.
"""

import dataclasses
import json
from datetime import datetime
from enum import Enum
from pathlib import Path

import pytest

from providers import contract
from providers.contract import Account, Can, ProviderError, Reply
from providers.http.common import read
from providers.registry import ADAPTERS

RECORDINGS = Path(__file__).parent / "recordings"
CALLS = {
    Can.CANCEL: "cancel", Can.RETRY: "retry", Can.FINISH: "finish", Can.REPORT: "report",
    Can.LIST_ACTIVE: "list_active", Can.BALANCE: "balance", Can.CATALOGUE: "catalogue", Can.PRICES: "prices",
    Can.RENTAL: "rent", Can.EXTEND_RENTAL: "extend_rental", Can.CANCEL_RENTAL: "cancel_rental",
}  # fmt: skip
PROTOCOLS = sorted({path.parent.name for path in RECORDINGS.glob("*/*.json")})


def recordings():
    for path in sorted(RECORDINGS.glob("*/*.json")):
        yield path.parent.name, path.stem, json.loads(path.read_text())


CASES = [
    pytest.param(protocol, name, recording, reply, id=f"{protocol} {name}: {reply['name']}")
    for protocol, name, recording in recordings()
    for reply in recording["replies"]
]


def calls_of(protocol, name, recording):
    """The recorded call as the adapter makes it: always a list."""
    options = recording.get("options", {})
    account = Account(base_url="http://upstream.example", secret="recorded-key", options=options)
    made = getattr(ADAPTERS[protocol](account), name)(**recording["arguments"])
    return list(made) if isinstance(made, list | tuple) else [made]


def reply_of(recorded):
    """A recorded reply as it comes over the wire."""
    text = recorded["text"] if "text" in recorded else json.dumps(recorded["json"], ensure_ascii=False)
    return Reply(recorded["status"], text, recorded.get("headers", {}))


def plain(value):
    """As JSON would have it; of dataclasses what differs from the default."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: plain(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if _is_told(field, getattr(value, field.name))
        }
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def _is_told(field, value):
    default = field.default
    return value != default and not (isinstance(default, tuple) and list(default) == list(value))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_call_of_a_protocol_is_recorded(protocol):
    wanted = {"order", "status"} | {CALLS[can] for can in ADAPTERS[protocol].can if can in CALLS}

    assert wanted <= {name for one, name, _ in recordings() if one == protocol}


@pytest.mark.parametrize(
    ("protocol", "name", "recording"), [pytest.param(*one, id=f"{one[0]} {one[1]}") for one in recordings()]
)
def test_what_is_sent_is_as_recorded(protocol, name, recording):
    sent = [
        {
            "method": call.method,
            "path": call.url.removeprefix("http://upstream.example"),
            **({"params": dict(call.params)} if call.params else {}),
            **({"headers": dict(call.headers)} if call.headers else {}),
            **({"json": call.json} if call.json is not None else {}),
        }
        for call in calls_of(protocol, name, recording)
    ]

    assert sent == recording["sends"]


@pytest.mark.parametrize(("protocol", "name", "recording", "recorded"), CASES)
def test_a_reply_is_read_as_recorded(protocol, name, recording, recorded):
    call = calls_of(protocol, name, recording)[recorded.get("to", 0)]
    reply = reply_of(recorded)

    if "raises" in recorded:
        with pytest.raises(ProviderError) as error:
            read(call, reply)
        assert type(error.value) is getattr(contract, recorded["raises"]), error.value
        facts = {fact: plain(getattr(error.value, fact)) for fact in recorded.get("facts", ())}
        assert facts == recorded.get("facts", {})
        return
    assert plain(read(call, reply)) == recorded["reads"]
    following = call.follow(reply) if call.follow else None
    assert (following and following.url) == (
        f"http://upstream.example{recorded['follows']}" if "follows" in recorded else None
    )
