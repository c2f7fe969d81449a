"""Whole ways through the portal in a real browser, with and without script, with keys only."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from activations.hints import channel_of
from activations.models import Activation

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

SMS = "Your Telegram code is 48-213"


def buy(page):
    page.goto("/buy/telegram/")
    page.get_by_role("button", name="Buy a number of United States").click()
    page.wait_for_url("**/numbers/")


WITHOUT_POLLS = """addEventListener("DOMContentLoaded", () => {
  const cards = document.querySelectorAll("[hx-trigger^='every']");
  for (const card of cards) card.setAttribute("hx-trigger", "sse:sms");
})"""


def test_a_bought_number_shows_its_code_by_itself_on_a_hint(store, browsing, redis):
    page = browsing.open("/buy/")
    page.add_init_script(WITHOUT_POLLS)  # cards ask only when a hint comes
    with page.expect_request("**/events/"):
        buy(page)
    expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
    wait_for_listeners(page, redis, channel_of(tenant_id=store.tenant.pk, customer_id=store.customer.pk), 1)

    store.deliver(Activation.objects.get(), SMS, sender="Telegram")

    expect(page.get_by_text("48213", exact=True)).to_be_visible()
    expect(page.get_by_text(SMS)).to_be_visible()
    expect(page.locator("#announcer")).to_have_text(re.compile("your code is 4 8 2 1 3"))
    assert store.money()[1] == 0
    assert page.complaints == []


def test_a_hidden_tab_gives_its_stream_back_and_takes_one_when_looked_at(store, browsing, redis):
    store.order()
    channel = channel_of(tenant_id=store.tenant.pk, customer_id=store.customer.pk)
    page = browsing.open("/buy/")
    page.add_init_script(WITHOUT_POLLS)
    page.goto("/numbers/")
    wait_for_listeners(page, redis, channel, 1)

    page.evaluate(LOOKED_AT % "true")
    wait_for_listeners(page, redis, channel, 0)
    page.evaluate(LOOKED_AT % "false")
    wait_for_listeners(page, redis, channel, 1)
    store.deliver(Activation.objects.get(), SMS)

    expect(page.get_by_text("48213", exact=True)).to_be_visible()


LOOKED_AT = """Object.defineProperty(document, "hidden", {value: %s, configurable: true});
document.dispatchEvent(new Event("visibilitychange"))"""


def wait_for_listeners(page, redis, channel, count):
    for _ in range(600):
        if redis.pubsub_numsub(channel)[0][1] == count:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never {count} listeners")


def test_a_code_comes_by_polls_alone_when_streams_do_not_work(store, browsing):
    page = browsing.open("/buy/")
    page.route("**/events/", lambda route: route.abort())
    buy(page)

    store.deliver(Activation.objects.get(), SMS, sender="Telegram")

    expect(page.get_by_text("48213", exact=True)).to_be_visible()


def test_m2_a_double_click_buys_one_number(store, browsing):
    page = browsing.open("/buy/telegram/")
    store.upstream.settings(delay_ms=400)

    page.get_by_role("button", name="Buy a number").dblclick()
    page.wait_for_url("**/numbers/")

    expect(page.locator("article")).to_have_count(1)
    assert Activation.objects.count() == store.upstream.calls["order"] == 1


def test_m2_a_double_click_without_script_buys_one_number(store, browsing):
    page = browsing.open("/buy/telegram/", java_script_enabled=False)
    store.upstream.settings(delay_ms=400)

    page.get_by_role("button", name="Buy a number").dblclick()
    page.wait_for_url("**/numbers/")

    expect(page.locator("article")).to_have_count(1)
    assert Activation.objects.count() == store.upstream.calls["order"] == 1


def test_a_cancelled_number_is_counted_no_more_and_its_card_complains_of_nothing(store, browsing, redis):
    page = browsing.open("/buy/")
    buy(page)
    expect(page.locator("#count-top")).to_have_text("1")
    wait_for_listeners(page, redis, channel_of(tenant_id=store.tenant.pk, customer_id=store.customer.pk), 1)
    store.upstream.settings(delay_ms=300)  # the hint of the cancel comes while its answer is under way
    Activation.objects.update(cancelable_after=timezone.now())
    page.reload()

    page.get_by_role("button", name="Cancel").click()

    expect(page.locator("article").get_by_text("Cancelled. Nothing was charged.")).to_be_visible()
    expect(page.locator("#count-top")).to_be_hidden()
    page.wait_for_timeout(300)  # whatever was asked beside it has been answered
    assert page.complaints == []


def test_everything_works_without_script(store, browsing):
    store.fill()
    page = browsing.open("/buy/", java_script_enabled=False)
    page.get_by_label("Search a service").fill("telegr")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Telegram").click()
    page.get_by_label("Country").fill("+1")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("button", name="Buy a number of United States").click()
    page.wait_for_url("**/numbers/")
    store.deliver(Activation.objects.get(), SMS)
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("48213", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)

    page.get_by_role("button", name="Finish").click()

    expect(page.get_by_text("Finished.", exact=True)).to_be_visible()
    expect(page.get_by_text("No number is open")).to_be_visible()
    page.get_by_role("link", name="History").first.click()
    expect(page.get_by_role("link", name="Telegram")).to_contain_text("Finished")


def test_one_can_buy_read_and_finish_with_keys_alone(store, browsing):
    page = browsing.open("/buy/")
    page.keyboard.type("telegr")
    expect(page.get_by_text("1 service for “telegr”")).to_be_visible()
    press_until(page, "Telegram", "a")
    page.keyboard.press("Enter")
    page.wait_for_url("**/buy/telegram/")
    press_until(page, "Buy a number of United States", "button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/numbers/")
    store.deliver(Activation.objects.get(), SMS)
    expect(page.get_by_text("48213", exact=True)).to_be_visible()
    press_until(page, "Finish", "button")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Finished.", exact=True)).to_be_visible()
    assert page.locator("article[hx-get]").count() == 0


def press_until(page, words, tag):
    """Press Tab until the focus, always visible, is on the element with these words."""
    for _ in range(40):
        page.keyboard.press("Tab")
        name, text, outline = page.evaluate(
            "(() => { const e = document.activeElement;"
            " return [e.tagName.toLowerCase(), e.innerText || '', getComputedStyle(e).outlineStyle]; })()"
        )
        assert outline != "none", f"the focus cannot be seen on {text!r}"
        if name == tag and words in re.sub(r"\s+", " ", text):
            return
    raise AssertionError(f"Tab never reached {words!r}")


def test_polls_without_news_leave_focus_and_page_alone(store, browsing):
    store.order()
    page = browsing.open("/numbers/")
    page.get_by_role("button", name="Copy the number").focus()
    with page.expect_response("**/card/?*") as first:
        pass
    with page.expect_response("**/card/?*") as second:
        pass

    assert (first.value.status, second.value.status) == (204, 204)
    assert page.evaluate("document.activeElement.id").startswith("copy-phone-")


def test_a_number_is_copied_without_its_spaces(store, browsing):
    row = store.order()
    page = browsing.open("/numbers/", permissions=["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Copy the number").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"+{row.phone}"


def test_cancelling_waits_for_its_time_and_then_gives_the_money_back(store, browsing):
    store.upstream.settings(cancel_lock_seconds=3)
    page = browsing.open("/numbers/")
    buy(page)
    expect(page.get_by_role("button", name="Cancel in")).to_be_disabled()

    page.get_by_role("button", name="Cancel", exact=True).click()

    expect(page.get_by_text("Cancelled. Nothing was charged.", exact=True)).to_be_visible()
    expect(page.locator("#balance")).to_contain_text("$100.00")


def test_a_session_that_ended_leads_to_the_login_page(store, browsing):
    store.order()
    page = browsing.open("/numbers/")
    page.context.clear_cookies()

    page.wait_for_url("**/accounts/login/?next=%2Fnumbers%2F")


def test_the_account_menu_opens_and_closes_with_keys(store, browsing):
    page = browsing.open("/wallet/")
    page.get_by_label("Account menu").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Account and security")).to_be_visible()

    page.keyboard.press("Escape")

    expect(page.get_by_role("link", name="Account and security")).to_be_hidden()
