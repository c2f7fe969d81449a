"""Writes about providers that concern more than one of their parts, a module per subject."""
