from tests.providers.wire import closed_port, wire  # noqa: F401  (fixtures)
from tests.upstream import make_supplier, other_upstream, upstream  # noqa: F401
