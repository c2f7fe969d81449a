"""`python -m tests.suppliers`: every protocol on one port, with the options of `manage.py sandbox`."""

import sys

from providers.management.commands import sandbox
from tests.suppliers.server import SupplierServer


class Command(sandbox.Command):
    server = SupplierServer


if __name__ == "__main__":
    Command().run_from_argv(["python", "tests.suppliers", *sys.argv[1:]])
