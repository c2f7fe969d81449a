"""`make bench`: every hot path against a yardstick measured in the same run (docs/performance.md)."""
