"""Argon2id at a cost that a small machine can pay many times at once."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class Argon2Hasher(Argon2PasswordHasher):
    """19 MiB, two passes, one lane: OWASP's recommendation (Password Storage Cheat Sheet).

    Django's own figures take 100 MB and eight threads for each login, so that thirty at once would take
    3 GB. Passwords hashed with other figures are hashed anew when their owners sign in.
    """

    time_cost = 2
    memory_cost = 19 * 1024
    parallelism = 1
