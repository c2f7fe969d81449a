import pytest

from providers.scoring import shrunk, wilson_low


@pytest.mark.parametrize(
    ("codes", "orders", "low"),
    [(0, 1, 0.0), (1, 1, 0.207), (8, 10, 0.490), (80, 100, 0.711), (100, 100, 0.963)],
)
def test_wilsons_lower_bound(codes, orders, low):
    assert wilson_low(codes, orders) == pytest.approx(low, abs=0.001)


def test_few_orders_leave_the_declared_figure_and_many_replace_it():
    assert shrunk(0, 0, 0.9) == pytest.approx(0.9)
    assert shrunk(0, 20, 0.9) == pytest.approx(0.45)
    assert shrunk(0, 2_000, 0.9) < 0.01
    assert shrunk(10, 20, None) == 0.5
