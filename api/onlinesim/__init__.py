"""The dialect of marketplaces that call us as their supplier (docs/protocols/onlinesim.md)."""

DIALECT = "onlinesim"
