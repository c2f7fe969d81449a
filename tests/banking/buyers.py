"""Buyers over HTTP: they order, use their number, ask again after lost answers, and note what they hear."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.banking.notes import Sent

EXPECTED = {
    "order": {200, 402, 404, 409, 429, 503},
    "poll": {200, 503},
    "retry": {200, 409, 503},
    "cancel": {200, 409, 503},
    "finalize": {200, 409, 503},
    "balance": {200, 503},
    "topup": {200, 409, 503},
}
NOT_NOW = {"ConflictException", "ServiceUnavailableException"}
PATIENCE_SECONDS = 40
# What becomes of a number, and how many of a hundred.
PLANS = {
    "code": 46,
    "again": 16,
    "cancel": 16,
    "race": 6,
    "leave": 8,
    "last_moment": 4,
    "again_last_moment": 4,
}


class Buyer(threading.Thread):
    """One program of a reseller that buys for one of his customers, one number after the other."""

    def __init__(self, name, *, stack, shop, customer, accounts, seed, until, notes):
        super().__init__(name=name, daemon=True)
        self.stack, self.shop, self.customer, self.accounts = stack, shop, customer, accounts
        self.chance = random.Random(f"{seed}:{name}")
        self.until, self.notes, self.number = until, notes, 0
        self.address = f"/a/customer/{customer}"

    def run(self):
        while time.monotonic() < self.until:
            self.number += 1
            try:
                self.live()
            except Exception as error:
                self.notes.complain(f"{self.name}: {error!r}")

    def live(self):
        """One number's life."""
        chance = self.chance
        if chance.random() < 0.15:
            self.top_up(f"{self.name}topup{self.number}", cents=chance.randint(1, 5_000))
        if chance.random() < 0.3:
            self.look_at_balance()
        plan = chance.choices(list(PLANS), PLANS.values())[0]
        bought = self.order(f"{self.name}order{self.number}")
        if bought is None:
            return
        self.notes.outcome(plan)
        getattr(self, plan)(bought)

    # --- plans ---

    def code(self, bought):
        """Use the number, take the code, mostly finish."""
        if self.receive(bought) and self.chance.random() < 0.7:
            self.put(bought, "finalize")

    def again(self, bought):
        """Two messages on one number."""
        if self.receive(bought) and self.put(bought, "retry"):
            self.receive(bought)
            if self.chance.random() < 0.5:
                self.put(bought, "finalize")

    def cancel(self, bought):
        self.pause(0.5)
        self.put(bought, "cancel")

    def race(self, bought):
        """The code comes while we cancel."""
        with ThreadPoolExecutor(1) as pool:
            sent = pool.submit(self.send, bought)
            self.put(bought, "cancel")
        shown, message = self.poll(bought), sent.result()
        if message and message.is_sure and shown and shown["activation_status"] == "canceled":
            self.notes.complain(f"{bought['activation_id']}: cancelled though its message was there")

    def last_moment(self, bought):
        """The message comes as the number's time ends (M8)."""
        time.sleep(max(0, bought["expire_at"] - time.time() - self.chance.uniform(0, 0.6)))
        self.send(bought)

    def again_last_moment(self, bought):
        """The same with a second message."""
        if self.receive(bought) and self.put(bought, "retry"):
            self.last_moment(bought)

    def leave(self, bought):
        """Nothing more: its time runs out."""

    def receive(self, bought):
        """Let a message arrive and wait for it. False: the number's time was over."""
        self.pause(1.5)
        message = self.send(bought)
        if not message:
            return False
        sent_at = time.monotonic()
        while time.monotonic() < sent_at + PATIENCE_SECONDS:
            shown = self.poll(bought)
            if shown and message.code in (shown["sms_text"] or ""):
                with self.notes.lock:
                    self.notes.waits.append(time.monotonic() - sent_at)
                return True
            if shown and shown["activation_status"] != "active":
                return False  # whether the message is stored all the same, the books will say
            self.pause(0.4)
        self.notes.complain(f"{bought['activation_id']}: its code did not come in {PATIENCE_SECONDS} s")
        return False

    # --- calls ---

    def order(self, key):
        """Buy under one request key until the answer is known: the activation, or None when it is refused."""
        body = {"service_id": self.chance.choice(["telegram", "telegram", "whatsapp"]), "country_id": "us"}
        if body["service_id"] == "whatsapp":
            body["country_id"] = "uk"
        if self.chance.random() < 0.2:
            body |= {"customer_billing_type": "dynamic", "customer_markup": self.chance.randint(0, 100)}
        else:
            body |= {"customer_price": self.chance.randint(50, 300)}
        if self.chance.random() < 0.25:  # a double click
            with ThreadPoolExecutor(2) as pool:
                both = [pool.submit(self.order_once, key, body) for _ in range(2)]
            bought = next((one.result() for one in both if one.result()), False)
        else:
            bought = self.order_once(key, body)
        until = time.monotonic() + PATIENCE_SECONDS
        while bought is False and time.monotonic() < until:
            self.pause(0.8)
            bought = self.order_once(key, body)
        if bought is False:
            self.notes.complain(f"{key}: not answered in {PATIENCE_SECONDS} s")
        if bought and self.chance.random() < 0.3:
            self.order_once(key, body)
        return bought or None

    def order_once(self, key, body):
        """The activation; None when refused; False when it must be asked again."""
        status, content = self.call("order", "POST", f"{self.address}/activation", body=body, key=key)
        if named := content.get("activation_id"):
            self.notes.name(key, named, is_sold=status == 200)
        if status == 200:
            return content
        if status is None or content.get("errorName") in NOT_NOW:
            return False
        self.notes.outcome(f"refused: {content.get('errorName')}")
        return None

    def poll(self, bought):
        status, content = self.call("poll", "GET", f"{self.address}/activation/{bought['activation_id']}")
        if status != 200:
            return None
        if content["phone"] != bought["phone"]:
            self.notes.complain(f"{bought['activation_id']}: its phone changed")
        return content

    def put(self, bought, verb):
        """Cancel, retry or finalize until the answer is known; whether it was done."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            status, told = self.call(
                verb, "PUT", f"{self.address}/activation/{bought['activation_id']}/{verb}"
            )
            if status in {200, 409} and "cancelable_after" not in told:
                return status == 200
            self.pause(0.8)
        return False

    def look_at_balance(self):
        status, content = self.call("balance", "GET", f"{self.address}/balance")
        if status == 200 and not 0 <= content["reserved"] <= content["total"]:
            self.notes.complain(f"{self.customer}: a balance of {content}")

    def top_up(self, name, *, cents):
        """Book money under one transaction id, repeated until it is known to be booked, and once more."""
        body = {"transaction_id": name, "amount": cents, "gateway": "bank"}
        with self.notes.lock:
            self.notes.topups[name] = (self.shop["tenant"], cents, False)
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            status, _ = self.call("topup", "POST", f"/m/customer/{self.customer}/transaction", body=body)
            if status in {200, 409}:
                with self.notes.lock:
                    self.notes.topups[name] = (self.shop["tenant"], cents, True)
                break
            self.pause(0.8)
        if self.chance.random() < 0.5:
            status, _ = self.call("topup", "POST", f"/m/customer/{self.customer}/transaction", body=body)
            if status == 200:
                self.notes.complain(f"{name}: a repeated top-up was taken")

    def call(self, what, method, path, **sent):
        """(status, JSON); (None, {}) when the connection broke. Notes every answer that must not be."""
        try:
            answer = self.stack.call(method, self.shop, path, **sent)
        except requests.RequestException as error:
            self.notes.answer(what, type(error).__name__)
            return None, {}
        self.notes.answer(what, answer.status_code)
        if answer.status_code not in EXPECTED[what]:
            self.notes.complain(f"{self.name}: {what} answered {answer.status_code}: {answer.text[:300]}")
            return None, {}
        if answer.status_code == 503 and "Retry-After" not in answer.headers:
            self.notes.complain(f"{self.name}: {what} answered 503 without Retry-After")
        return answer.status_code, answer.json()

    # --- the world outside ---

    def send(self, bought):
        """A message for this number arrives at the supplier that leased it; None when its time is over."""
        code = str(self.chance.randint(100_000, 999_999))
        text = f"Your code is {code} ({self.name} {time.monotonic_ns()})"
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                for account in self.accounts:
                    if self.offer(account, bought["phone"], text):
                        sent = Sent(account.number, bought["activation_id"], text, code, account.is_asked)
                        with self.notes.lock:
                            self.notes.messages.append(sent)
                        return sent
                return None
            except requests.RequestException:  # the provider is down for a moment
                time.sleep(0.3)
        return None

    def offer(self, account, phone, text):
        try:
            return account.control("sms", to=phone, text=text)
        except requests.HTTPError:
            return None  # not this account's number, or ended

    def pause(self, longest):
        time.sleep(self.chance.uniform(0.05, longest))
