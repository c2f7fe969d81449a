from providers.capabilities import PAGE, capabilities_of, capability_page, capability_table
from providers.contract import Can
from providers.registry import ADAPTERS


def test_the_page_is_as_the_adapters_say():
    assert PAGE.read_text() == capability_page(), "run manage.py capabilities"


def test_the_table_has_every_capability_of_every_protocol():
    table = capability_table()

    assert {line.can for line in table} == set(Can)
    for protocol, adapter in ADAPTERS.items():
        assert {line.can for line in table if line.protocols[protocol]} == set(adapter.can)


def test_an_account_shows_what_its_options_leave_of_it():
    left = {line.can for line, has in capabilities_of("retail", {"without": ["retry", "report"]}) if has}

    assert left == ADAPTERS["retail"].can - {Can.RETRY, Can.REPORT}
    assert capabilities_of("nobody's", {}) == []
