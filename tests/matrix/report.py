"""The table after a run: which cells passed. It reads reports alone, so it works with xdist as well."""

MARKS = {"passed": "ok", "failed": "FAILED", "error": "FAILED"}


def pytest_terminal_summary(terminalreporter):
    """One line for each pair, one column for each scenario; nothing when no cell was played."""
    found = {}
    for outcome, mark in MARKS.items():
        for report in terminalreporter.stats.get(outcome, ()):
            cell = dict(getattr(report, "user_properties", ())).get("cell")
            if cell:
                dialect, provider, scenario = cell
                found.setdefault((dialect, provider), {})[scenario] = mark
    if not found:
        return
    scenarios = list(dict.fromkeys(scenario for row in found.values() for scenario in row))
    terminalreporter.section("matrix: dialect × provider")
    terminalreporter.line(_line("", "", scenarios))
    for (dialect, provider), row in sorted(found.items()):
        terminalreporter.line(_line(dialect, provider, [row.get(name, "–") for name in scenarios]))


def _line(dialect, provider, columns):
    return f"{dialect:<12}{provider:<12}" + "".join(f"{column:<12}" for column in columns)
