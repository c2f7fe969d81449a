"""PostgreSQL, Valkey and every process of the portal on one machine, from the wheels in .venv alone.

`run` is what `make run` does; the tests start their throw-away servers with the same modules. The wheels' own
start-up helpers are not used: as root they add a system user and open parent directories.
"""
