"""The ping dialect: REST and JSON, orders of one code and rentals by the day (docs/protocols/ping.md)."""
