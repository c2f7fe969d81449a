"""The suppliers' books and ours, line by line, and what the buyers heard. Each function names differences."""

import time
from dataclasses import dataclass

import orjson

from providers.sandbox.books import OPEN_STATES
from tests.banking.accounts import Account

OURS = """
SELECT a.hex_id, a.upstream_ref, a.phone, a.customer_id, a.tenant_id, a.billing_status, a.activation_status,
    a.sms_status, a.cost_micros, p.public_no,
    ARRAY(SELECT m.text FROM activations_message m WHERE m.activation_id = a.id) AS texts,
    ARRAY(SELECT m.code FROM activations_message m WHERE m.activation_id = a.id) AS codes,
    EXISTS (SELECT 1 FROM activations_moneyatrisk r WHERE r.activation_id = a.id) AS is_at_risk
FROM activations_activation a JOIN providers_provider p ON p.id = a.provider_id
WHERE a.lease_state = 'leased'
"""
AT_RISK = """
SELECT t.our_ref FROM activations_attempt t
JOIN activations_moneyatrisk r ON r.activation_id = t.activation_id AND r.provider_id = t.provider_id
"""
LEDGER = """
SELECT p.public_no, sum(e.amount_micros) AS micros FROM billing_entry e
JOIN billing_transaction t ON t.id = e.transaction_id
JOIN activations_activation a ON a.id = t.order_id JOIN providers_provider p ON p.id = a.provider_id
WHERE e.account = 'provider' GROUP BY 1
"""
AT_RISK_SUMS = """
SELECT p.public_no, sum(r.amount_micros) AS micros,
    coalesce(sum(r.amount_micros)
        FILTER (WHERE a.lease_state <> 'leased' OR a.provider_id <> p.id), 0) AS orphans
FROM activations_moneyatrisk r JOIN providers_provider p ON p.id = r.provider_id
JOIN activations_activation a ON a.id = r.activation_id GROUP BY 1
"""
# What must have come to its end, whatever was killed: a sentence for each row that has not.
UNSETTLED = """
SELECT format('%s: still ordering', hex_id) AS what FROM activations_activation WHERE lease_state = 'ordering'
UNION ALL
SELECT format('%s: still active (%s), %s s after its end', hex_id, sms_status,
    round(extract(epoch FROM now() - expire_at)))
FROM activations_activation WHERE activation_status = 'active' AND lease_state = 'leased'
UNION ALL
SELECT format('event %s was not handed on', id) FROM webhooks_event WHERE dispatched_at IS NULL
UNION ALL
SELECT format('callback %s was not worked', id) FROM webhooks_inboxmessage WHERE processed_at IS NULL
UNION ALL
SELECT format('the end of lease %s was not told', upstream_ref) FROM activations_ending
WHERE due_at IS NOT NULL AND parked_reason = ''
"""
RULES = {
    "a closed order holds money": """
        SELECT a.hex_id AS what FROM billing_hold h JOIN activations_activation a ON a.id = h.order_id
        WHERE h.state = 'open' AND a.activation_status <> 'active'""",
    "a phone was given to two customers": """
        SELECT phone AS what FROM activations_activation WHERE lease_state = 'leased'
        GROUP BY phone HAVING count(DISTINCT customer_id) > 1""",
    "an order was billed twice": """
        SELECT order_id::text AS what FROM billing_transaction WHERE kind = 'charge'
        GROUP BY order_id HAVING count(*) > 1""",
    "an attempt has no outcome": """
        SELECT format('%s: %s', our_ref, reason) AS what FROM activations_attempt
        WHERE outcome IN ('', 'unknown')""",
    "a check is parked": """
        SELECT format('%s: %s', activation_id, parked_reason) AS what FROM activations_check
        WHERE parked_reason <> ''""",
    "a provider did not take an end": """
        SELECT format('%s: %s', upstream_ref, parked_reason) AS what FROM activations_ending
        WHERE parked_reason <> ''""",
}


def wait_until_settled(stack, accounts, *, seconds):
    """Until nothing is under way at either side; how long it took, or None when it did not come."""
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        is_open = any(
            lease["state"] in OPEN_STATES
            for account in accounts
            if account.is_asked
            for lease in account.leases()
        )
        if not is_open and not stack.rows(UNSETTLED):
            return time.monotonic() - begun
        time.sleep(0.5)
    return None


def differences(stack, accounts, notes):
    """Every sentence says what is wrong; an empty list is what we want."""
    found = list(notes.wrong)
    found += [row["what"] for row in stack.rows(UNSETTLED)]
    for rule, sql in RULES.items():
        found += [f"{rule}: {row['what']}" for row in stack.rows(sql)]
    found += books(stack, accounts)
    found += codes(stack, accounts, notes)
    found += keys(stack, notes)
    found += topups(stack, notes)
    return found


@dataclass(frozen=True)
class Books:
    """One supplier's books beside ours. Amounts: micro-USD. What it keeps is in the ledger or is at risk."""

    account: Account
    leases: list
    orders: dict  # its id of a lease → our order
    risky: set  # our references of attempts that are on the money-at-risk list
    ledger: int  # what our ledger says that it was paid
    at_risk: int  # all that is listed
    orphans: int  # of that, for leases that no order has

    def order_of(self, lease):
        return self.orders.get(lease["id"])

    @property
    def sold(self):
        """Paid leases that were billed here."""
        return sum(lease["paid_micros"] for lease in self.leases if self.is_billed(lease))

    @property
    def orphaned(self):
        """What it keeps for leases that no order has."""
        return sum(
            lease["paid_micros"] for lease in self.leases if not self.order_of(lease) and self.ended(lease)
        )

    def is_billed(self, lease):
        order = self.order_of(lease)
        return order is not None and order["billing_status"] == "billed"

    def ended(self, lease):
        """Who is not asked keeps a lease open of which we cannot tell him the end; it costs nothing."""
        return lease["state"] not in OPEN_STATES or self.account.is_asked

    def __str__(self):
        kept = sum(
            lease["paid_micros"] for lease in self.leases if not self.is_billed(lease) and self.ended(lease)
        )
        name = self.account.protocol or "sandbox"
        return (
            f"{self.account.number} {name}: {len(self.leases)} leases, sold for {self.sold}, in our ledger"
            f" {self.ledger}, kept without a sale {kept}, at risk here {self.at_risk}"
        )


def open_books(stack, accounts):
    """Every supplier's."""
    ours, risky = stack.rows(OURS), {row["our_ref"] for row in stack.rows(AT_RISK)}
    ledger = {row["public_no"]: int(row["micros"]) for row in stack.rows(LEDGER)}
    at_risk = {row["public_no"]: row for row in stack.rows(AT_RISK_SUMS)}
    nothing = {"micros": 0, "orphans": 0}
    return [
        Books(
            account=account,
            leases=account.leases(),
            orders={
                account.lease_id(row["upstream_ref"]): row
                for row in ours
                if row["public_no"] == account.number
            },
            risky=risky,
            ledger=ledger.get(account.number, 0),
            at_risk=int(at_risk.get(account.number, nothing)["micros"]),
            orphans=int(at_risk.get(account.number, nothing)["orphans"]),
        )
        for account in accounts
    ]


def books(stack, accounts):
    """Each lease of a supplier against its order, each order against its lease, and the sums."""
    sent = {row["our_ref"] for row in stack.rows("SELECT our_ref FROM activations_attempt")}
    for one in open_books(stack, accounts):
        name = f"{one.account.number} {one.account.protocol}"
        for lease in one.leases:
            if one.account.keeps_references and lease["ref"] not in sent:
                yield f"{name}: lease {lease['id']}: bought by us, and we know nothing of it"
            yield from line(
                lease,
                one.order_of(lease),
                name=name,
                is_asked=one.account.is_asked,
                keeps_references=one.account.keeps_references,
                is_risky=lease["ref"] in one.risky,
            )
        for unknown in set(one.orders) - {lease["id"] for lease in one.leases}:
            yield f"{name}: {one.orders[unknown]['hex_id']}: it knows no lease {unknown}"
        if one.sold != one.ledger:
            yield f"{name}: sold for {one.sold}, our ledger says {one.ledger}"
        if one.orphaned > one.orphans:
            yield f"{name}: keeps {one.orphaned} for leases that nobody here has, {one.orphans} at risk"


def line(lease, order, *, name, is_asked=True, keeps_references=True, is_risky=False):
    """One lease and the order that has it, if any has. What the supplier keeps was billed to the customer, or
    is on the money-at-risk list.
    """
    name, paid = f"{name}: lease {lease['id']} ({lease['state']})", lease["paid_micros"]
    if lease["state"] in OPEN_STATES and (order or is_asked):
        yield f"{name}: still open there"
    if order is None:
        if keeps_references and paid and not is_risky:
            yield f"{name}: keeps {paid} for a lease that nobody here has"
        if lease["messages"]:
            yield f"{name}: {lease['messages']} messages for a lease that nobody here has"
        return
    name = f"{name}, {order['hex_id']} ({order['activation_status']}, {order['sms_status']})"
    if lease["phone"] != order["phone"]:
        yield f"{name}: another phone"
    if lease["messages"] != len(order["texts"]) and is_asked:
        yield f"{name}: {lease['messages']} messages there, {len(order['texts'])} here"
    is_billed = order["billing_status"] == "billed"
    if paid and not is_billed and not (is_risky or order["is_at_risk"]):
        yield f"{name}: {paid} kept there, {order['billing_status']} here"
    if is_billed and not lease["messages"]:
        yield f"{name}: billed without a message"
    if is_billed and paid != order["cost_micros"]:
        yield f"{name}: costs {paid} there, {order['cost_micros']} here"


def codes(stack, accounts, notes):
    """Every message that a supplier took for a buyer is stored with that buyer's order; where suppliers are
    not asked, every one to which we said so.
    """
    stored = {row["hex_id"]: row for row in stack.rows(OURS)}
    taken = {
        orjson.loads(body)["text"] for account in accounts if not account.is_asked for body in account.taken()
    }
    for sent in notes.messages:
        order = stored.get(sent.activation)
        is_here = order and (sent.text in order["texts"] or sent.code in order["codes"])
        if not is_here and (sent.is_sure or sent.text in taken):
            yield f"{sent.activation}: a message of supplier {sent.supplier} is lost"


def keys(stack, notes):
    """A request key sold one number at most, and said so each time. (An order that came to nothing because
    no provider could be reached leaves its key free for the next try.)
    """
    rows = stack.rows(
        "SELECT a.hex_id, a.lease_state, k.key FROM activations_activation a"
        " LEFT JOIN activations_requestkey k ON k.activation_id = a.id"
    )
    sold = {row["hex_id"]: row["key"] for row in rows if row["lease_state"] == "leased"}
    for activation, key in sold.items():
        if key is None:
            yield f"{activation}: sold, but its request key is gone"
    for key, named in notes.named.items():
        ours = {activation for activation in named if activation in sold}
        if len(ours) > 1 or notes.bought.get(key, ours) != ours:
            yield f"{key}: sold {sorted(ours)}, answered as sold {sorted(notes.bought.get(key, ()))}"
        if any(sold[activation] != key for activation in ours):
            yield f"{key}: answered with a number of another key"


def topups(stack, notes):
    """Money that a buyer was told to be booked is booked once, and nothing else is."""
    booked = {
        row["external_id"]: row
        for row in stack.rows(
            "SELECT t.external_id, t.tenant_id, sum(e.amount_micros) AS micros FROM billing_transaction t"
            " JOIN billing_entry e ON e.transaction_id = t.id AND e.account = 'customer'"
            " WHERE t.gateway = 'bank' GROUP BY 1, 2"
        )
    }
    for name, (tenant, cents, is_known) in notes.topups.items():
        row = booked.pop(name, None)
        if row is None and is_known:
            yield f"top-up {name}: not booked"
        if row and (row["tenant_id"], row["micros"]) != (tenant, cents * 10_000):
            yield f"top-up {name}: booked as {row}"
    for name in booked:
        yield f"top-up {name}: nobody asked for it"
