"""A provider of our own that sells numbers nobody owns: a tiny HTTP server with its own books.

It is what `make run` sells, what tests script fault by fault, and the provider of the benchmarks. It
shares no code and no tables with the portal beyond providers/data; the portal speaks to it through
`providers.adapters.sandbox`.
"""
