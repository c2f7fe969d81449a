"""The text protocol of the sms-activate family, as a server (docs/protocols/handler.md)."""
