"""Small parts: the cache without Redis, what logs hide, and the browser that is missing."""

import logging

import pytest

from portal.cache import ForgivingRedisCache
from portal.embedded import browser
from portal.embedded.places import CannotStart
from portal.logs import WithoutWords, hide_secrets, mask, where_it_failed


@pytest.fixture
def away(tmp_path):
    return ForgivingRedisCache(f"unix://{tmp_path}/none?db=0", {"OPTIONS": {"socket_connect_timeout": 1}})


def test_o2_a_cache_without_redis_always_misses(away):
    away.set("a", 1)

    assert away.get("a", "missed") == "missed"
    assert away.get_many(["a", "b"]) == {}
    assert away.get_or_set("a", 7) == 7
    assert (away.add("a", 1), away.touch("a"), away.delete("a"), "a" in away) == (True, False, False, False)
    assert away.incr("a", 3) == 3
    assert (away.set_many({"a": 1}), away.delete_many(["a"])) == ([], None)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("GET /stubs/handler_api.php?api_key=abc&action=x done", "GET /stubs/handler_api.php?[hidden] done"),
        ("key pk_live_Ab12Cd34 was refused", "key pk_live_[hidden] was refused"),
        ("rk_test_Ab12Cd34", "rk_test_[hidden]"),
        ("Authorization: Bearer abc.def", "Authorization: [hidden]"),
        ('{"api_key": "abc", "id": 7}', '{"api_key": "[hidden]", "id": 7}'),
        ("postgres://portal:word@db/portal", "postgres://[hidden]@db/portal"),
        ("password=abc, next", "password=[hidden], next"),
        ("order 7f3a is waiting", "order 7f3a is waiting"),
    ],
)
def test_s2_texts_are_masked(text, hidden):
    assert mask(text) == hidden


def test_s3_fields_that_may_hold_codes_are_hidden_at_any_depth():
    event = {
        "event": "sms",
        "sms_code": "482913",
        "more": {"text": "your code", "order": "7f3a"},
        "keys": [1],
    }

    assert hide_secrets(None, "info", event) == {
        "event": "sms",
        "sms_code": "[hidden]",
        "more": {"text": "[hidden]", "order": "7f3a"},
        "keys": [1],
    }


def test_s3_an_exception_is_logged_without_its_words():
    try:
        raise KeyError("482913")
    except KeyError as error:
        event = where_it_failed(None, "error", {"event": "failed", "exc_info": error})

    assert event["error"] == "KeyError"
    assert event["places"][-1].endswith("test_s3_an_exception_is_logged_without_its_words")
    assert "482913" not in str(event)


def test_s3_a_failed_task_is_logged_without_the_words_of_its_exception():
    context = {"name": "a.tasks.b", "id": "7f3a", "description": "raised unexpected", "exc": "E('482913')"}
    text = "Task %(name)s[%(id)s] %(description)s: %(exc)s"
    failed = logging.LogRecord(
        "celery.app.trace", logging.ERROR, "", 1, text, ({**context, "internal": ""},), None
    )
    other = logging.LogRecord("library", logging.ERROR, "", 1, "failed: %s", (ValueError("482913"),), None)
    for record in (failed, other):
        WithoutWords().filter(record)

    assert failed.getMessage() == "Task a.tasks.b[7f3a] raised unexpected: [hidden]"
    assert other.getMessage() == "failed: ValueError"


def test_a_missing_browser_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "none"))

    with pytest.raises(CannotStart, match="install chromium-headless-shell"):
        browser.found()
