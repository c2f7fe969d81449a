"""What rentals should do, in plain Python: no database, no HTTP, and nothing of how the portal works.

A shop with one customer and one provider. Amounts are micro-USD, times seconds, a refusal is its public code.
The provider's side is here, too: what it leased, charged, paid back and sent.
"""

from dataclasses import dataclass, field

HOUR, DAY, CENT = 3_600, 86_400, 10_000
GUARD = 1_200  # cancelled within it and without a message: everything comes back
LOOKS_EVERY, FIRST_LOOK, GRACE = 15, 5, 90  # how what is unknown is found out
RENEW_BEFORE, RENEW_AGAIN, BUSY_AGAIN = HOUR, 600, 60
END_AGAIN = 10
LISTEN_AFTER = 15
NOT_KEPT = {"upstream_unavailable", "order_in_progress", "request_key_mismatch"}
REFUSALS = {  # what a fault comes to: when renting, when extending
    "out_of_stock": ("no_numbers", "no_numbers"),
    "wrong_state": ("no_numbers", "rental_not_active"),
    "unreachable": ("upstream_unavailable", "upstream_unavailable"),
}


class No(Exception):
    """Refused, with its code."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def cents_up(micros):
    return -(-micros // CENT) * CENT


@dataclass
class Term:
    hours: int
    customer: int
    tenant: int
    cost: int  # the ceiling, then what the provider charged
    is_renewal: bool = False
    state: str = "pending"
    customer_back: int = 0
    tenant_back: int = 0
    asked_at: int = 0
    looks: int = 0
    charged: int = 0  # by the provider for an extension, also if its answer was lost


@dataclass
class There:
    """The provider's lease."""

    created: int
    expires: int
    hours: int
    charged: int
    refunded: int = 0
    state: str = "open"
    messages: list = field(default_factory=list)


@dataclass
class Rental:
    terms: list
    is_own: bool  # at the tenant's own account
    lease: str = "ordering"
    status: str = "active"
    billing: str = "reserved"
    there: There | None = None
    ends: int = 0
    end_at: int = 0  # when its end is tried
    guard: int = 0
    days_back: int = 0
    cancel_asked: int | None = None
    shown: list = field(default_factory=list)
    late: list = field(default_factory=list)
    is_renewing: bool = False
    renew_hours: int = 0
    renew_cap: int = 0
    renew_at: int = 0
    renew_refusal: str = ""
    told: int = 0  # mails that it was not renewed

    @property
    def is_open(self):
        return self.status == "active"

    @property
    def pending(self):
        return next((term for term in self.terms[1:] if term.state == "pending"), None)

    @property
    def paid(self):
        return [term for term in self.terms if term.state == "billed"]

    @property
    def hours(self):
        return sum(term.hours for term in self.paid) or self.terms[0].hours


class Model:
    """`lines`: hours → what the provider charges; `markup`: (tenant's, customer's) price by its base."""

    def __init__(self, *, balance, lines, markup, is_own, pays_days_back, most):
        self.balance = {"customer": balance, "tenant": 0}
        self.lines, self.markup, self.most = lines, markup, most
        self.is_own, self.pays_days_back = is_own, pays_days_back
        self.percent = 100  # what our price list says, of what the provider charges
        self.rentals, self.keys = [], {}
        self.asking = self.fault = None

    # --- money ---

    def held(self, side):
        """What pending terms hold; a tenant's own account at a provider costs its wallet nothing."""
        if side == "tenant" and self.is_own:
            return 0
        waiting = [term for rental in self.rentals for term in rental.terms if term.state == "pending"]
        return sum(getattr(term, side) for term in waiting)

    def line_of(self, hours):
        """(what the line costs there, how many of it): by the day where these hours have no line."""
        return (self.lines[hours], 1) if hours in self.lines else (self.lines[24], hours // 24)

    def cost_there(self, term):
        """What the provider takes for it; 0: more than we allow it to, so it refuses."""
        cost, units = self.line_of(term.hours)
        return cost * units if cost * units <= term.cost else 0

    def tenant_price(self, line_cost):
        return cents_up(line_cost) if self.is_own else self.markup[0](line_cost)

    def quote(self, hours):
        """A term at our price list."""
        cost, units = self.line_of(hours)
        line = cents_up(cost * self.percent // 100)
        price = self.tenant_price(line)
        return Term(hours, self.markup[1](price) * units, price * units, line * units)

    def pay(self, term, cost):
        """The provider named its cost: the tenant's price falls with it, the customer's stays."""
        _, units = self.line_of(term.hours)
        term.tenant = min(term.tenant, self.tenant_price(-(-cost // units)) * units)
        self.settle(term, cost)

    def settle(self, term, cost):
        term.state, term.cost = "billed", cost
        self.balance["customer"] -= term.customer
        self.balance["tenant"] -= 0 if self.is_own else term.tenant

    def pay_back(self, rental, rule, cost_back, now):
        """The newest terms first; `rule`: full, days, or paid (as many days as the provider paid back)."""
        left = max(0, (rental.ends - now) // DAY)
        cost, hours = sum(term.cost for term in rental.paid), rental.hours
        if rule == "paid":
            left = min(left, (cost_back + CENT) * hours // (24 * cost))
        for term in reversed(rental.paid):
            days = term.hours // 24 if rule == "full" else min(left, term.hours // 24)
            if rule == "full":
                term.customer_back, term.tenant_back = term.customer, term.tenant
            elif days:
                term.customer_back = term.customer * 24 * days // term.hours // CENT * CENT
                term.tenant_back = term.tenant * 24 * days // term.hours // CENT * CENT
                left -= days
            else:
                continue
            rental.billing = "refunded"
            rental.days_back += days
            self.balance["customer"] += term.customer_back
            self.balance["tenant"] += 0 if self.is_own else term.tenant_back

    def afford(self, term):
        if self.balance["customer"] - self.held("customer") < term.customer:
            raise No("insufficient_balance")

    # --- what callers ask ---

    def keyed(self, key, request, do):
        """The same key asks once: its first answer again, or that it still runs, or is for something else."""
        if key is None:
            return do()
        if key in self.keys:
            asked, answer = self.keys[key]
            if asked != request:
                raise No("request_key_mismatch")
            if isinstance(answer, str):
                raise No(answer)
            if answer.state == "pending":
                raise No("order_in_progress")
            if answer.state == "released":
                raise No("no_numbers")
            return None
        try:
            self.asking = key
            return do()
        except No as no:
            if no.code not in NOT_KEPT:
                self.keys[key] = (request, no.code)
            elif no.code != "order_in_progress":
                self.keys.pop(key, None)
            raise
        finally:
            self.asking = None

    def open(self, rental, term, request, now):
        term.asked_at = now
        rental.terms.append(term)
        if self.asking:
            self.keys[self.asking] = (request, term)

    def rent(self, hours, key, fault, now):
        request = ("rent", hours)
        self.keyed(key, request, lambda: self._rent(hours, fault, request, now))

    def _rent(self, hours, fault, request, now):
        term = self.quote(hours)
        self.afford(term)
        if sum(rental.is_open for rental in self.rentals) >= self.most:
            raise No("too_many_active")
        rental = Rental([], is_own=self.is_own)
        self.open(rental, term, request, now)
        self.rentals.append(rental)
        cost = self.cost_there(term)
        if cost and fault in (None, "lost after"):
            rental.there = There(now, now + hours * HOUR, hours, cost)
        if fault in ("lost", "lost after"):
            return
        if not cost or fault:  # what is above the ceiling is cancelled there
            self.unsold(rental)
            raise No(REFUSALS.get(fault, REFUSALS["out_of_stock"])[0])
        self.lease(rental, now)
        self.pay(term, cost)

    def lease(self, rental, now):
        rental.lease, rental.billing, rental.guard = "leased", "billed", now + GUARD
        rental.ends = rental.end_at = rental.there.expires

    def unsold(self, rental):
        rental.terms[0].state = "released"
        rental.lease, rental.status, rental.billing = "unsold", "canceled", "released"

    def extend(self, rental, hours, key, fault, now):
        request = ("extend", self.rentals.index(rental), hours)
        self.keyed(key, request, lambda: self._extend(rental, hours, fault, request, now))

    def _extend(self, rental, hours, fault, request, now, *, cap=None, is_renewal=False):
        if rental.lease == "unsold":
            raise No("rental_unknown")
        if not rental.is_open or rental.lease == "ordering" or rental.ends <= now:
            raise No("rental_not_active")
        term = self.quote(hours)
        term.is_renewal = is_renewal
        if cap is not None and term.customer > cap:
            raise No("max_price_exceeded")
        if rental.cancel_asked is not None:
            raise No("rental_not_active")
        if rental.pending:
            raise No("order_in_progress")
        self.afford(term)
        self.open(rental, term, request, now)
        self.fault, cost = None, self.cost_there(term)
        if cost and fault == "wrong_price":
            cost = 2 * term.cost
        if cost and fault not in (*REFUSALS, "lost"):
            there = rental.there
            there.expires, there.hours = there.expires + hours * HOUR, there.hours + hours
            there.charged += cost
            term.charged = cost
        if fault in ("lost", "lost after"):
            raise No("order_in_progress")
        if not term.charged:
            term.state = "released"
            raise No(REFUSALS.get(fault, REFUSALS["out_of_stock"])[1])
        self.pay(term, cost)
        self.longer(rental, term, now)

    def longer(self, rental, term, now):
        rental.ends += term.hours * HOUR
        rental.end_at = rental.ends
        rental.renew_refusal = ""
        rental.renew_at = self.renewal_time(rental, rental.renew_hours or term.hours, now)

    def check_running(self, rental):
        if rental.lease == "unsold":
            raise No("rental_unknown")
        if rental.lease == "ordering":
            raise No("order_in_progress")
        if not rental.is_open:
            raise No("rental_not_active")
        if rental.pending or rental.cancel_asked is not None:
            raise No("order_in_progress")

    def finish(self, rental, now):
        self.check_running(rental)
        rental.status = rental.there.state = "finished"

    def cancel(self, rental, fault, now):
        self.check_running(rental)
        codes = {"wrong_state": "rental_not_cancelable", "too_early": "early_cancel"}
        if fault in codes or fault == "unreachable":
            raise No(codes.get(fault, "upstream_unavailable"))
        rental.cancel_asked = now
        back = None if fault == "lost" else self.cancel_there(rental.there, now)
        if fault is None:
            self.cancelled(rental, back, now)

    def cancel_there(self, there, now):
        if there.state == "open":
            if not there.messages and now < there.created + GUARD:
                there.refunded = there.charged
            else:
                there.refunded = there.charged * 24 * ((there.expires - now) // DAY) // there.hours
            there.state = "canceled"
        return there.refunded

    def cancelled(self, rental, cost_back, now):
        """The provider confirmed it; a message that was first leaves only whole unused days."""
        is_guarded = rental.cancel_asked < rental.guard and not rental.shown
        rule = "full" if is_guarded else "days" if self.pays_days_back else "paid"
        rental.status, rental.cancel_asked = "canceled", None
        self.pay_back(rental, rule, cost_back, now)

    def renew(self, rental, is_on, now):
        """Automatic renewal by the hours of the first term, at today's price at most."""
        if rental.lease == "unsold":
            raise No("rental_unknown")
        if not rental.is_open or rental.lease == "ordering":
            raise No("rental_not_active")
        if is_on:
            rental.renew_hours = rental.renew_hours or rental.terms[0].hours
            rental.renew_cap = self.quote(rental.renew_hours).customer
            rental.renew_at = self.renewal_time(rental, rental.renew_hours, now)
        rental.is_renewing, rental.renew_refusal = is_on, ""

    def renewal_time(self, rental, hours, now):
        return max(rental.ends - min(RENEW_BEFORE, hours * HOUR // 8), now)

    # --- what providers send ---

    def message(self, rental, text, is_told, now):
        """A message comes to the number; the provider calls back, or waits to be asked."""
        if rental.there is None:
            return
        rental.there.messages.append(text)
        if is_told:
            self.hear(rental, now)

    def hear(self, rental, now):
        """The provider's own word on a rental."""
        if rental.lease != "leased":
            return
        fresh = [one for one in rental.there.messages if one not in rental.shown + rental.late]
        (rental.shown if rental.is_open else rental.late).extend(fresh)
        if rental.cancel_asked is not None and rental.there.state == "canceled":
            kept = rental.there.charged - rental.there.refunded
            self.cancelled(rental, sum(term.cost for term in rental.paid) - kept, now)

    # --- what time brings ---

    def wait(self, now, until, fault):
        """Everything that is due happens at its time. The provider is asked about each rental a moment after
        `now`; `fault` spoils the first renewal.
        """
        self.fault = fault
        self.happen_until(now + LISTEN_AFTER)
        for rental in self.rentals:
            if rental.is_open and rental.lease == "leased":
                self.hear(rental, now + LISTEN_AFTER)
                if rental.cancel_asked is not None:  # sent again
                    back = self.cancel_there(rental.there, now + LISTEN_AFTER)
                    self.cancelled(rental, back, now + LISTEN_AFTER)
        self.happen_until(until)

    def happen_until(self, until):
        while (due := self.next_due()) and due[0] <= until:
            at, _, happen, rental = due
            happen(rental, at)

    def next_due(self):
        """(time, rank, what, rental) of the next thing to happen; of one moment's, by rank."""
        due = []
        for number, rental in enumerate(self.rentals):
            if not rental.is_open:
                continue
            if rental.lease == "ordering":
                due.append((self.look_at(rental.terms[0]), 0, number, self.look_for_rental, rental))
                continue
            if rental.pending:
                due.append((self.look_at(rental.pending), 1, number, self.look_for_extension, rental))
            if rental.is_renewing:
                due.append((rental.renew_at, 2, number, self.renewal, rental))
            due.append((rental.end_at, 3, number, self.end, rental))
        first = min(due, default=None, key=lambda one: one[:3])
        return first and (first[0], first[1], *first[3:])

    def look_at(self, term):
        return term.asked_at + FIRST_LOOK + LOOKS_EVERY * term.looks

    def is_given_up(self, term, now):
        """After two separate answers that do not show it, and the grace."""
        term.looks += 1
        return term.looks >= 2 and term.asked_at + GRACE <= now

    def look_for_rental(self, rental, now):
        term = rental.terms[0]
        if rental.there is not None:
            self.lease(rental, now)
            self.settle(term, rental.there.charged)
            self.hear(rental, now)
        elif self.is_given_up(term, now):
            self.unsold(rental)

    def look_for_extension(self, rental, now):
        term = rental.pending
        if term.charged:
            self.settle(term, term.charged)
            self.longer(rental, term, now)
        elif self.is_given_up(term, now):
            term.state = "released"

    def renewal(self, rental, now):
        cap = rental.renew_cap
        try:
            self._extend(rental, rental.renew_hours, self.fault, None, now, cap=cap, is_renewal=True)
        except No as no:
            if no.code == "order_in_progress":
                rental.renew_at = now + BUSY_AGAIN
                return
            rental.renew_at = now + RENEW_AGAIN
            if not rental.renew_refusal:
                rental.renew_refusal = no.code
                rental.told += 1

    def end(self, rental, now):
        if rental.pending:
            rental.end_at = now + END_AGAIN
            return
        rental.status = "expired"
        if rental.there.state == "open":
            rental.there.state = "finished"
