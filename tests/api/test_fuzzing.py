"""schemathesis over the OpenAPI document: a hundred requests per operation, good ones and bad ones.

None is answered with a failure of ours, and every answer is what the document says. The requests are the same
in each run (made from the strategies, not from chance), and none has a time limit.
"""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.keys import issue_key
from api.schema import document
from portal.handler import Handler
from tests.api.test_schema import operations
from tests.factories import ActivationFactory, RentalFactory
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db(transaction=True)
application = Handler()

EXAMPLES = 100
CHECKS = [
    schemathesis.checks.not_a_server_error, status_code_conformance, content_type_conformance,
    response_headers_conformance, response_schema_conformance,
]  # fmt: skip
NAMES = [one["operationId"] for _, _, one in operations(document())]


@pytest.fixture
def described():
    return schemathesis.openapi.from_wsgi("/api/schema/", application)


@pytest.fixture
def ids(tester, shop):
    """What there is: a customer with money, his number with its code, a rental, an endpoint, a spare key."""
    order = ActivationFactory(customer=tester.customer, billed=True)
    rental = RentalFactory(customer=tester.customer, offer__provider=shop.provider)
    endpoint = Endpoint.objects.create(tenant=tester.tenant, url="https://8.8.8.8/", event_types=["x"])
    return {
        "rental_id": rental.rnt_id,
        "webhook_id": endpoint.public_id,
        "key_id": str(issue_key(tenant=tester.tenant)[0].pk),
        "customer_id": tester.customer.external_id,
        "activation_id": order.hex_id,
        "service_id": shop.offer.service_id,
        "country_id": shop.offer.country_id,
    }


@pytest.mark.parametrize("name", NAMES)
def test_no_request_breaks_an_operation(described, ids, tester, settings, name):
    settings.RETAIL_RATES = dict.fromkeys(settings.RETAIL_RATES, 1_000_000)
    operation = described.find_operation_by_id(name)
    known = {one.name: ids[one.name] for one in operation.path_parameters}
    headers, answers = {"X-Api-Key": tester.key, "Accept-Encoding": "identity"}, []

    @once_and_for_all
    @given(case=strategies.one_of(
        operation.as_strategy(GenerationMode.POSITIVE, path_parameters=known),
        operation.as_strategy(GenerationMode.POSITIVE),
        operation.as_strategy(GenerationMode.NEGATIVE, path_parameters=known),
    ))  # fmt: skip
    def send(case):
        answers.append(case.call_and_validate(headers=headers, checks=CHECKS).status_code)

    send()
    assert len(answers) >= EXAMPLES


def test_an_answer_that_the_document_does_not_know_is_noticed(described, tester):
    operation = described.find_operation_by_id("account_balance")
    operation.definition.raw["responses"]["200"]["content"]["application/json"]["schema"] = {"type": "array"}
    case = operation.Case()

    with pytest.raises(FailureGroup, match="schema"):
        case.call_and_validate(headers={"X-Api-Key": tester.key}, checks=CHECKS)


def once_and_for_all(test):
    return settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(test)  # fmt: skip
