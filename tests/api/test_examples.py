"""Every example of the OpenAPI document, played in its order against a real server on the test base.

Ids that the portal makes up differ from those in the document; whoever tries the examples puts those that he
got in their place, and so does this test.
"""

from urllib.parse import urlencode

import pytest
import requests
from django.utils import timezone
from jsonschema import ValidationError

from accounts.queries import customers_of
from activations.services.checking import check_due
from api.retail.examples import WEBHOOK
from tests.api.test_schema import check, described, operations  # noqa: F401  (a fixture)

# ruff: noqa: F811

pytestmark = pytest.mark.django_db(transaction=True)


class Player:
    """Sends examples with a test key; `got`: id in the document → id of this run."""

    def __init__(self, server, key, document):
        self.document, self.got, self.played = document, {}, set()
        self.base = server.url + document["servers"][0]["url"]
        self.session = requests.Session()
        self.session.headers["X-Api-Key"] = key
        self.operations = {
            one["operationId"]: (path, method, one) for path, method, one in operations(document)
        }

    def play(self, name):
        """The operation with each of its bodies."""
        path, method, one = self.operations[name]
        content = one.get("requestBody", {}).get("content", {}).get("application/json", {})
        bodies = [example["value"] for example in content.get("examples", {}).values()] or [None]
        for body in bodies:
            self.send(path, method, one, body)
        self.played.add(name)

    def send(self, path, method, one, body):
        documented = one["responses"]["200"]["content"]["application/json"]
        answer = self.session.request(
            method, self.base + self.address(path, one["parameters"]), json=self.translated(body)
        )

        assert answer.status_code == 200, f"{method} {path}: {answer.text}"
        check(documented["schema"], answer.json(), self.document)
        self.learn(documented["example"], answer.json())

    def address(self, path, parameters):
        examples = {one["name"]: one for one in parameters if "example" in one}
        for name, one in examples.items():
            if one["in"] == "path":
                path = path.replace(f"{{{name}}}", str(self.translated(one["example"])))
        asked = {name: spelled(one["example"]) for name, one in examples.items() if one["in"] == "query"}
        return f"{path}?{urlencode(asked)}" if asked else path

    def translated(self, value):
        if isinstance(value, dict):
            return {name: self.translated(each) for name, each in value.items()}
        return self.got.get(value, value) if isinstance(value, str) else value

    def learn(self, example, actual):
        """The ids of an answer; from a list, nothing."""
        if isinstance(example, dict) and isinstance(actual, dict):
            self.got |= {example[name]: actual[name] for name in example if name.endswith("_id")}


def spelled(value):
    """A query parameter as the address has it."""
    return str(value).lower() if isinstance(value, bool) else value


def test_every_example_works_on_the_test_base(live_server, tester, shop, described):
    player = Player(live_server, tester.key, described)
    player.got[WEBHOOK["url"]] = "https://8.8.8.8/numbers"  # no name can be looked up here

    for _, _, one in operations(described):
        name, before = one["operationId"], dict(player.got)
        if name == "cancel_activation":  # the number of the other examples has its code by then
            player.play("order")
        if name == "unblock_customer":
            pause(tester.tenant)
        if name == "cancel_rental":  # that of the other examples is finished by then
            player.play("rent")
        player.play(name)
        if name == "cancel_activation":
            player.got = before
        if name == "send_test_sms":
            check_due(timezone.now() + timezone.timedelta(seconds=30))

    assert player.played == set(player.operations)


def pause(tenant):
    customers_of(tenant).update(blocked_until=timezone.now() + timezone.timedelta(hours=1))


def test_an_example_that_is_no_longer_true_is_noticed(live_server, tester, shop, described):
    player = Player(live_server, tester.key, described)
    player.play("create_customer")
    path, method, one = player.operations["customer_balance"]
    wrong = {"application/json": {"schema": {"type": "array"}, "example": []}}

    with pytest.raises(AssertionError, match="409"):
        player.play("create_customer")
    with pytest.raises(ValidationError, match="is not of type 'array'"):
        player.send(path, method, {**one, "responses": {"200": {"content": wrong}}}, None)
