"""Every operation of the retail API as its readers see it: words, shapes, refusals, an example of each.

The order is that of the pages at /api/docs/, and one in which the examples work one after the other. What the
code knows itself (addresses, aliases, method, scope, rate, ranges of fields) is taken from there.
"""

from __future__ import annotations

from api.retail import catalogue, history, management, order, prices, reports, sandbox, views
from api.retail.examples import (
    ACTIVATION,
    ACTIVATION_ID,
    CUSTOMER,
    CUSTOMER_ID,
    EARLIER,
    PRICE,
    RECEIVED,
    REPORT,
    REPORTED,
    SERVICE,
    TRANSACTION,
    page,
)
from api.retail.operation import SUCCESS, Operation
from api.retail.own_operations import KEYS, WEBHOOKS
from api.retail.rental_operations import RENTALS
from api.retail.schema import array, body_of, page_of, ref

ID = {"type": "string", "pattern": "^[0-9a-f]{24}$"}


PAYMENT = TRANSACTION["transaction_id"]
LATE = ("invalid_state", "upstream_unavailable")

CUSTOMERS = [
    Operation(
        "create_customer", "Customers", "Create a customer", management.NewCustomer, **SUCCESS,
        text="The id is yours to choose. An opening balance is booked as a transaction of its own.",
        body=body_of(management.NEW_CUSTOMER), has_request_key=True,
        sends={"with a balance": {"customer_id": CUSTOMER_ID, "balance": 500}},
        refuses=("duplicate", "request_key_mismatch"),
    ),
    Operation(
        "add_transaction", "Customers", "Add to or deduct from a customer's balance",
        management.NewTransaction, **SUCCESS,
        text="`transaction_id` makes it safe to repeat: the second booking under one id is refused. "
             "The amount is not 0. A balance may go below zero; orders then wait until it covers the price.",
        body=body_of(management.NEW_TRANSACTION), has_request_key=True,
        sends={
            "a payment": {"transaction_id": PAYMENT, "amount": 1900, "gateway": "stripe"},
            "a deduction": {"transaction_id": "correction1", "amount": -100},
        },
        refuses=("duplicate", "request_key_mismatch"),
    ),
    Operation(
        "list_customers", "Customers", "List customers", management.Customers,
        reply=page_of("customers", "Customer"), gives=page(customers=[CUSTOMER]),
        query=management.CUSTOMERS, asks={"customer_id": CUSTOMER_ID, "status": "active,paused", "limit": 10},
    ),
    Operation(
        "change_customer", "Customers", "Change a customer's status", management.ChangeCustomer, **SUCCESS,
        text="`paused`: no new numbers. `disabled`: every call for him is refused. `markedForDeletion`: the "
             "same, and 30 days later his data is erased; his id stays taken. Until then any status can be "
             "set, afterwards none. Numbers that are open end normally.",
        body=body_of(management.NEW_STATUS), sends={"let him order": {"status": "active"}},
        refuses=("invalid_state",),
    ),
    Operation(
        "customer_flags", "Customers", "Tell whether a customer is on hold", management.Flags,
        text="True when the customer is not active, or your account is suspended or blocked.",
        reply=ref("Flags"), gives={"accountOnHold": False},
    ),
    Operation(
        "customer_balance", "Customers", "Read a customer's balance", views.balance,
        text="What he can spend is `total` less `reserved`.",
        reply=ref("Balance"), gives={"total": 2300, "reserved": 0},
    ),
    Operation(
        "unblock_customer", "Customers", "End a customer's pause", views.unblock, **SUCCESS,
        text="Orders pause when too few of his numbers received a code (429 `LowSuccessRateException`). The "
             "pause can be ended three times in 24 hours; the rate is counted afresh from then on. Without "
             "such a pause the answer is 409.",
        refuses=("invalid_state", "low_success_rate"),
    ),
    Operation(
        "customer_transactions", "Customers", "List the top-ups of a customer", management.Transactions,
        reply=page_of("transactions", "Transaction"), gives=page(transactions=[TRANSACTION]),
        query=management.TRANSACTIONS, asks={"created_from_timestamp": EARLIER, "page": 1, "limit": 10},
    ),
    Operation(
        "list_transactions", "Customers", "List the top-ups of all customers", management.AllTransactions,
        reply=page_of("transactions", "Transaction"), gives=page(transactions=[TRANSACTION]),
        query=management.ALL_TRANSACTIONS, asks={"transaction_id": PAYMENT},
    ),
    Operation(
        "account_balance", "Customers", "Read your own balance", views.account_balance,
        reply=ref("Balance"), gives={"total": 100000, "reserved": 0},
    ),
]  # fmt: skip

CATALOGUE = [
    Operation(
        "countries", "Catalogue and prices", "List countries", catalogue.countries,
        text="`_v` at the end of an id marks virtual numbers. A picture of each: "
             "`/static/retail/countries/<country_id>.svg`.",
        reply=array(ref("Country")), has_etag=True,
        gives=[{"country_id": "us", "name": "United States", "alt_name": "USA|America", "codes": ["1"]}],
    ),
    Operation(
        "services", "Catalogue and prices", "List services", catalogue.services,
        text="`other` stands for whatever is not listed. A picture of each: "
             "`/static/retail/services/<service_id>.png`.",
        reply=array(ref("Service")), gives=[SERVICE], has_etag=True,
    ),
    Operation(
        "popular_services", "Catalogue and prices", "List popular services", catalogue.popular,
        text="The most wanted first.", reply=array(ref("Service")), gives=[SERVICE], has_etag=True,
    ),
    Operation(
        "price", "Catalogue and prices", "Read the price of a service in a country", prices.pair,
        text="What it costs you, before what you add for your customer. Nobody sells it now: `count` and the "
             "prices are 0.",
        reply=ref("Price"), gives=PRICE, refuses=("unknown_service", "unknown_country"),
    ),
    Operation(
        "offers", "Catalogue and prices", "List the offers for a service in a country", prices.offers,
        text="What the price above is made of, the cheapest first: which `max_price` finds how many.",
        reply=array(ref("Offer")), gives=[{"price": 21, "quality": 0.9, "count": 40}],
        refuses=("unknown_service", "unknown_country"),
    ),
    Operation(
        "prices_by_country", "Catalogue and prices", "List prices by country", prices.by_country,
        reply=array(ref("PricesOfCountry")), has_etag=True,
        gives=[{"country_id": "us", "services": [{"service_id": "telegram", **PRICE}]}],
        query=prices.COUNTRY, asks={"country_id": "us"}, refuses=("unknown_country",),
    ),
    Operation(
        "prices_by_service", "Catalogue and prices", "List prices by service", prices.by_service,
        reply=array(ref("PricesOfService")), has_etag=True,
        gives=[{"service_id": "telegram", "countries": [{"country_id": "us", **PRICE}]}],
        query=prices.SERVICE, asks={"service_id": "telegram"}, refuses=("unknown_service",),
    ),
]  # fmt: skip

WISH = {"service_id": "telegram", "country_id": "us"}
ACTIVATIONS = [
    Operation(
        "order", "Activations", "Order a number", views.order,
        text="Say what the customer pays in one of three ways: `customer_price` (that amount); "
             "`customer_markup` (`max_price` and so many percent); or `customer_markup` with "
             "`customer_billing_type: dynamic` (so much is held, the real price and the markup are charged). "
             "Amounts are rounded up to a whole cent. Without `max_price` the suggested price is the limit. "
             "Nothing is charged before an SMS comes. A refusal with `suggestedPrice` can be continued: send "
             "its `order_id` and a `max_price` of at least that, within ten minutes.",
        reply=ref("Activation"), gives=ACTIVATION,
        body=body_of(order.ORDER), has_request_key=True,
        sends={
            "fixed price": {**WISH, "customer_price": 80},
            "markup": {**WISH, "max_price": 100, "customer_markup": 25},
            "dynamic": {**WISH, "max_price": 100, "customer_markup": 25, "customer_billing_type": "dynamic",
                        "quality_factor": 70},
        },
        refuses=(
            "insufficient_balance", "low_success_rate", "too_many_active", "service_prohibited",
            "unknown_service", "unknown_country", "no_numbers", "max_price_exceeded", "price_token_invalid",
            "order_in_progress", "request_key_mismatch", "upstream_unavailable",
        ),
    ),
    Operation(
        "active_activations", "Activations", "List active activations", views.actives,
        text="Ids, or with `with_data=true` whole activations.",
        reply={"oneOf": [array(ID), array(ref("Activation"))]}, gives=[ACTIVATION],
        query=views.ACTIVES, asks={"with_data": True},
    ),
    Operation(
        "read_activation", "Activations", "Read one activation", views.poll,
        text="Ask every ten seconds until `sms_status` is `smsReceived` or `expire_at` is past, or let a "
             "webhook tell you.",
        reply=ref("Activation"), gives=ACTIVATION,
    ),
    Operation(
        "send_test_sms", "Sandbox", "Send a fake SMS to a test number", sandbox.sms, **SUCCESS,
        text="Only on the test base. The SMS arrives within moments, as a true one would. Name the number by "
             "its `activation` (the id) or by its `phone`. Fields that are not named here are refused.",
        body={**body_of(sandbox.SMS), "additionalProperties": False},
        sends={"a code": {"activation": ACTIVATION_ID, "text": RECEIVED["sms_text"], "sender": "Telegram"}},
        refuses=("unknown_activation", *LATE),
    ),
    Operation(
        "retry_activation", "Activations", "Ask for one more SMS", views.retry, **SUCCESS,
        text="Free of charge, once an SMS came and while `is_retriable`. The next SMS replaces the first.",
        refuses=LATE,
    ),
    Operation(
        "finalize_activation", "Activations", "Confirm and close an activation", views.finalize, **SUCCESS,
        text="Once an SMS came. Frees one of the places for active numbers.", refuses=LATE,
    ),
    Operation(
        "cancel_activation", "Activations", "Cancel an activation", views.cancel, **SUCCESS,
        text="Before an SMS came and after `cancelable_after`. What was held is free again.",
        refuses=("early_cancel", "not_cancellable", *LATE),
    ),
    Operation(
        "customer_history", "Activations", "List the activations of a customer", history.of_customer,
        text="The newest first. Deep pages are quicker by `cursor`.",
        reply=page_of("activations", "Activation", has_cursor=True),
        gives=page(activations=[RECEIVED], next_cursor=None), query=history.OF_CUSTOMER,
        asks={"exclude_reported": True, "exclude_active": False, "only_expired": False, "limit": 10},
    ),
    Operation(
        "all_history", "Activations", "List the activations of all customers", history.of_all,
        text="The newest first. Deep pages are quicker by `cursor`.",
        reply=page_of("activations", "Activation", has_cursor=True),
        gives=page(activations=[RECEIVED], next_cursor=None), query=history.OF_ALL,
        asks={"customer_id": CUSTOMER_ID, "sms_status": "smsReceived,retryReceived",
              "created_from_timestamp": EARLIER, "page": 1, "limit": 100},
    ),
]  # fmt: skip

REPORTS = [
    Operation(
        "report_reasons", "Reports", "List the reasons for a report", reports.Reasons,
        text="Those that apply in the activation's present state; none when it cannot be reported (again).",
        reply=array(ref("Reason")),
        gives=[{"reason_id": 2, "reason_name": "Wrong SMS received", "evidence_required": False}],
        refuses=("report_deadline_passed",),
    ),
    Operation(
        "report_activation", "Reports", "Report an activation", reports.OneReport, method="POST",
        text="Once, within an hour of the order, with a reason that is offered. `evidence`: base64 or a "
             "`data:` URL in JSON, or a file in a form; jpg, png, webp, zip, pdf or mp4, at most 5 MB. "
             "An approved report gives the price back.",
        reply=ref("ReportAnswer"), gives={"status": "accepted", "decline_id": None},
        body={
            **body_of(reports.FIELDS),
            "properties": {
                **body_of(reports.FIELDS)["properties"],
                "evidence": {"type": "string", "contentEncoding": "base64"},
            },
        },
        takes_form=True, sends={"without evidence": {"reason_id": 2, "message": REPORT["message"]}},
        refuses=("report_exists", "report_deadline_passed", "invalid_state"),
    ),
    Operation(
        "read_report", "Reports", "Read the report of an activation", reports.OneReport, method="GET",
        reply=ref("Report"), gives=REPORTED,
    ),
    Operation(
        "list_reports", "Reports", "List the reports of a customer", reports.Reports,
        reply=page_of("reports", "Report"), gives=page(reports=[REPORTED]),
        query=reports.LIST, asks={"page": 1, "limit": 10},
    ),
]  # fmt: skip

OPERATIONS = [*CUSTOMERS, *CATALOGUE, *ACTIVATIONS, *REPORTS, *RENTALS, *WEBHOOKS, *KEYS]
TAGS = {
    "Customers": "Your customers and their money.",
    "Catalogue and prices": "What can be bought, and what it costs you. Lists have an ETag.",
    "Activations": "One number, one code: ordered, watched, closed.",
    "Sandbox": "What only the test base has.",
    "Reports": "When a number did not do what it should.",
    "Webhook endpoints": "Where we tell you of events. On the test base: of test events.",
    "API keys": "Those of your account.",
    "Rentals": "A number for hours or days, with every message that comes. Unknown fields are refused here.",
}
