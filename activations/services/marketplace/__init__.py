"""Selling to marketplaces: numbers issued, messages passed on, operations ended by the marketplace."""
