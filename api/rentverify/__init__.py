"""The RentVerify protocol, as a server (docs/protocols/rentverify.md)."""
