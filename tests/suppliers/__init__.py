"""Providers of every protocol as real servers on loopback, scripted and read by the test.

One server per process keeps the sandbox's books, one account per key, and speaks the sandbox's own protocol
at `/` and each other protocol below `/<protocol>`. A protocol is one file here, a `Face`: it says what a
request asks for, in the sandbox's words, and spells the answer as the contract in docs/protocols says. Money,
stock, messages, faults and control calls (docs/protocols/sandbox.md) are the same for all of them.

    def test_something(make_supplier):
        supplier = make_supplier("retail")
        provider = supplier.provider()                       # a Provider row that speaks to it
        supplier.offer(provider)                             # telegram in the us, at its price
        supplier.fault("order", "lost", after=True)          # the next order is allocated, its answer lost
        supplier.refuse(OutOfFunds)                          # the next one is refused in its words
        ...
        supplier.sms(activation.upstream_ref, "Your code is 1234")
        assert (supplier.calls["order"], supplier.paid_micros) == (1, 60_000)

`python -m tests.suppliers` is the same as a process, for tests that kill it.
"""
