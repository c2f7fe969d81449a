"""Everything that changes an order. One function, one move, one transaction each."""
