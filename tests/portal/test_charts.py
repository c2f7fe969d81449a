"""Charts that everybody can read."""

from datetime import date, timedelta

from django.template.loader import render_to_string

from portal.charts import Series, line_chart

DAYS = [date(2026, 3, 1) + timedelta(days=n) for n in range(4)]


def chart(*series, days=DAYS, **facts):
    return line_chart(id="cost", title="Cost", days=days, series=series, write=lambda v: f"${v:.2f}", **facts)


def test_a_chart_has_its_lines_its_words_and_its_table():
    made = chart(Series("telegram us", [0.1, 0.2, None, 0.4]), Series("<b>", [None, None, 0.1, None]))

    assert made.head == ["Day", "telegram us", "<b>"]
    assert made.rows[0] == ["2026-03-01", "$0.10", "–"]
    assert [len(line.pieces) for line in made.lines] == [1, 0]
    assert [len(line.dots) for line in made.lines] == [1, 1], "a day between two gaps is a dot"
    assert (
        made.summary == "telegram us: $0.40 last, from $0.10 to $0.40; <b>: $0.10 last, from $0.10 to $0.10"
    )
    page = render_to_string("admin/_chart.html", {"chart": made})
    for part in ('role="img"', "<title id=", "<desc id=", "<summary>As a table", "&lt;b&gt;", "<polyline"):
        assert part in page
    assert "style=" not in page
    assert "<b>" not in page


def test_points_lie_between_zero_and_the_top():
    [line] = chart(Series("x", [0.0, 0.5, 1.0, 2.0]), highest=1.0).lines
    ys = [float(point.split(",")[1]) for point in line.pieces[0].split()]

    assert ys[0] > ys[1] > ys[2] == ys[3]


def test_no_value_no_chart_and_one_day_is_a_dot():
    assert chart(Series("x", [None] * 4)) is None
    assert chart() is None
    [line] = chart(Series("x", [0.0]), days=DAYS[:1]).lines
    assert (len(line.pieces), len(line.dots)) == (0, 1)
