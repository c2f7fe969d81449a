"""Every dialect that we serve with every protocol that we buy in: the same scenarios for each pair.

`dialects.py`: a client of each dialect, which says in one language what it was told. `providers.py`: an
account at a supplier of each protocol, with offers as its price list has them. `cells.py`: the scenarios, and
why a pair cannot play one. `python -m tests.matrix` writes docs/protocols/matrix.md.
"""
