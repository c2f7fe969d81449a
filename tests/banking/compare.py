"""The provider's books and ours, line by line, and what the buyers heard. Each function names differences."""

import time

OURS = """
SELECT a.hex_id, a.upstream_ref, a.phone, a.customer_id, a.tenant_id, a.billing_status, a.activation_status,
    a.sms_status, a.cost_micros, p.public_no,
    ARRAY(SELECT m.upstream_ref FROM activations_message m WHERE m.activation_id = a.id) AS messages,
    EXISTS (SELECT 1 FROM activations_moneyatrisk r WHERE r.activation_id = a.id) AS is_at_risk
FROM activations_activation a JOIN providers_provider p ON p.id = a.provider_id
WHERE a.lease_state = 'leased'
"""
AT_RISK = """
SELECT t.our_ref FROM activations_attempt t
JOIN activations_moneyatrisk r ON r.activation_id = t.activation_id AND r.provider_id = t.provider_id
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
}


def wait_until_settled(stack, accounts, *, seconds):
    """Until nothing is under way at either side; how long it took, or None when it did not come."""
    begun = time.monotonic()
    while time.monotonic() < begun + seconds:
        is_open = any(
            lease["state"] in {"waiting", "received", "retrying"}
            for account in accounts
            for lease in stack.books(account)["leases"]
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
    ours = stack.rows(OURS)
    found += books(stack, accounts, ours)
    found += codes(ours, notes)
    found += keys(stack, notes)
    found += topups(stack, notes)
    return found


def books(stack, accounts, ours):
    """Each lease of the provider against the order it belongs to, and each order against its lease."""
    by_lease = {(row["public_no"], row["upstream_ref"]): row for row in ours}
    at_risk = {row["our_ref"] for row in stack.rows(AT_RISK)}
    sent = {row["our_ref"] for row in stack.rows("SELECT our_ref FROM activations_attempt")}
    seen = set()
    for account in accounts:
        number = int(account.rpartition("_")[2])
        for lease in stack.books(account)["leases"]:
            seen.add((number, lease["id"]))
            if lease["ref"] not in sent:
                yield f"lease {lease['id']}: bought by us, and we know nothing of it"
            yield from line(lease, by_lease.get((number, lease["id"])), is_at_risk=lease["ref"] in at_risk)
    for place, order in by_lease.items():
        if place not in seen:
            yield f"{order['hex_id']}: the provider knows no lease {place}"


def line(lease, order, *, is_at_risk):
    """One lease. What the provider keeps was billed to the customer, or is on the money-at-risk list."""
    name = f"lease {lease['id']} ({lease['state']})"
    if lease["state"] in {"waiting", "received", "retrying"}:
        yield f"{name}: still open there"
    if order is None:
        if lease["paid_micros"] and not is_at_risk:
            yield f"{name}: the provider keeps {lease['paid_micros']} for a lease that nobody here has"
        if lease["messages"]:
            yield f"{name}: {lease['messages']} messages for a lease that nobody here has"
        return
    name = f"{order['hex_id']} ({order['activation_status']}, {order['sms_status']}), {name}"
    if lease["phone"] != order["phone"]:
        yield f"{name}: another phone"
    if lease["messages"] != len(order["messages"]):
        yield f"{name}: {lease['messages']} messages there, {len(order['messages'])} here"
    is_billed = order["billing_status"] == "billed"
    if lease["paid_micros"] and not is_billed and not (is_at_risk or order["is_at_risk"]):
        yield f"{name}: {lease['paid_micros']} kept there, {order['billing_status']} here"
    if is_billed and not lease["messages"]:
        yield f"{name}: billed without a message"
    if is_billed and lease["paid_micros"] != order["cost_micros"]:
        yield f"{name}: costs {lease['paid_micros']} there, {order['cost_micros']} here"


def codes(ours, notes):
    """Every message that the provider took for a buyer is stored with that buyer's order."""
    stored = {ref: row["hex_id"] for row in ours for ref in row["messages"]}
    for message, activation in notes.messages.items():
        if stored.get(message) != activation:
            yield f"{activation}: message {message} is lost (stored with {stored.get(message)})"


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
