"""The table after a run: which cells passed, and whose protocol lacks what the others need. It reads reports
alone, so it works with xdist as well.
"""

MARKS = {"passed": "ok", "failed": "FAILED", "error": "FAILED"}


def pytest_terminal_summary(terminalreporter):
    """One line for each pair, one column for each scenario; nothing when no cell was played."""
    played, lacking = {}, {}
    for outcome, mark in MARKS.items():
        for report in terminalreporter.stats.get(outcome, ()):
            told = dict(getattr(report, "user_properties", ()))
            if "cell" in told:
                played[tuple(told["cell"])] = mark
            lacking |= {tuple(cell): lack for *cell, lack in told.get("lacking", ())}
    if not played:
        return
    marks = lacking | played
    scenarios = list(dict.fromkeys(scenario for _, _, scenario in played))
    terminalreporter.section("matrix: dialect × provider")
    terminalreporter.line(_line("", "", scenarios))
    for pair in sorted({(dialect, provider) for dialect, provider, _ in played}):
        terminalreporter.line(_line(*pair, [marks.get((*pair, name), "") for name in scenarios]))


def _line(dialect, provider, columns):
    return f"{dialect:<12}{provider:<12}" + "".join(f"{column:<12}" for column in columns)
