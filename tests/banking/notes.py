"""What the buyers did and heard: kept by us alone, to be compared with both books at the end."""

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sent:
    """A message that arrived at the supplier (by its number) of this activation."""

    supplier: int
    activation: str
    text: str
    code: str
    is_sure: bool  # whether we are bound to hear of it: where nobody may ask, it may come too late


@dataclass
class Notes:
    """Shared by all buyers. `wrong` are differences that showed at once."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: Counter = field(default_factory=Counter)  # (call, status or what broke)
    named: defaultdict = field(default_factory=lambda: defaultdict(set))  # request key -> activations named
    bought: defaultdict = field(default_factory=lambda: defaultdict(set))  # the same, those answered as sold
    outcomes: Counter = field(default_factory=Counter)
    topups: dict = field(default_factory=dict)  # transaction id -> (shop's tenant, cents, is known as booked)
    messages: list = field(default_factory=list)  # Sent: what suppliers took for buyers
    waits: list = field(default_factory=list)  # seconds from a message's arrival there to its buyer
    wrong: list = field(default_factory=list)

    def answer(self, call, status):
        with self.lock:
            self.answers[call, status] += 1

    def complain(self, text):
        with self.lock:
            self.wrong.append(text)

    def name(self, key, activation, *, is_sold):
        """A request key was answered with this activation."""
        with self.lock:
            self.named[key].add(activation)
            if is_sold:
                self.bought[key].add(activation)

    def outcome(self, word):
        with self.lock:
            self.outcomes[word] += 1
