"""The page of a gateway: its breakers, their history, and holding them by hand (requirement B6)."""

import pytest
from django.test import Client as Browser

from payments.gateways.base import Kind
from payments.models import Circuit, CircuitChange, Client
from payments.services import circuits
from tests.payments.admin.breaking import fail, taken_up
from tests.payments.admin.conftest import browser_of, text_of
from tests.payments.conftest import accepted, after, sent

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/circuit/"
PAGE = "/admin/payments/circuit/gateway/primary/"


def act(slug: str, operation: str = "charge", gateway: str = "primary") -> str:
    return f"/admin/payments/circuit/gateway/{gateway}/{operation}/{slug}/"


def everything() -> list[object]:
    """Return all that an act could have changed."""
    rows = Circuit.objects.order_by("pk").values_list("gateway", "operation", "state", "held", "epoch", "why")
    return [*rows, CircuitChange.objects.count()]


def last_change() -> tuple[str, ...]:
    row = CircuitChange.objects.latest("pk")
    return (row.gateway, row.operation, row.before, row.after, row.why, row.changed_by)


def test_every_gateway_has_a_page_before_anything_ever_failed(viewer: Browser) -> None:
    page = text_of(viewer, PAGE)
    for text in ("Charges", "Look-ups", "Refunds", "Lists", "No breaker of this gateway has ever changed."):
        assert text in page
    assert "/admin/payments/circuit/gateway/secondary/" in text_of(viewer, LIST)
    assert Circuit.objects.count() == 0


def test_the_page_tells_the_history_and_what_failed_last(shop: Client, operator: Browser) -> None:
    payment = after(sent(shop), Kind.NOT_SENT, "connect_timeout")
    fail("primary", reason="connect_timeout")
    fail("secondary", reason="reset")
    response = operator.get(PAGE)
    changes, failures = response.context["changes"], response.context["failures"]
    assert [(row.operation, row.change, row.why, row.who) for row in changes] == [
        ("Charges", "closed → open", "5 failures in a row: connect_timeout", "paysite")
    ]
    assert [(row.payment_id, row.outcome, row.why) for row in failures] == [
        (payment.pk, "Not sent", "no connection within the time allowed (connect_timeout)")
    ]
    assert f'href="/admin/payments/payment/{payment.pk}/change/"' in response.content.decode()


def test_opened_by_hand_no_charge_leaves_for_the_gateway(shop: Client, operator: Browser) -> None:
    page = text_of(operator, act("open"))
    assert "No new charge is sent to primary." in page
    response = operator.post(act("open"), {"reason": "they announced maintenance"}, follow=True)
    assert response.redirect_chain == [(PAGE, 302)]
    assert "The breaker is held open: no such call leaves any more." in response.content.decode()
    assert last_change() == (
        *("primary", "charge", "closed", "held open"),
        *("they announced maintenance", "operator:anna"),
    )
    assert taken_up(accepted(shop)).gateway == "secondary"


def test_closed_by_hand_calls_go_out_however_often_they_fail(shop: Client, operator: Browser) -> None:
    fail("primary")
    operator.post(act("close"), {"reason": "a false alarm"})
    fail("primary", times=20)
    assert taken_up(accepted(shop)).gateway == "primary"
    assert last_change()[2:5] == ("open", "held closed", "a false alarm")


def test_back_to_automatic_the_machine_decides_again(shop: Client, operator: Browser) -> None:
    circuits.hold_open("primary", "charge", "bert", "maintenance")
    page = text_of(operator, act("automatic"))
    assert "3 trial calls may leave at once; if all go well, the breaker closes." in page
    operator.post(act("automatic"), {"reason": "it is over"})
    assert Circuit.objects.get().held == ""
    assert last_change()[3:] == ("open", "it is over", "operator:anna")
    circuits.hold_closed("primary", "refund", "bert", "they asked us to")
    page = text_of(operator, act("automatic", "refund"))
    assert "The breaker is closed, and opens after 5 failures in a row." in page


@pytest.mark.parametrize(
    ("slug", "held", "words"),
    [
        ("open", "open", "It is held open by hand already."),
        ("close", "closed", "It is held closed by hand already."),
        ("automatic", "", "It is automatic already: nobody holds it by hand."),
    ],
)
def test_what_is_so_already_is_not_offered_and_is_refused(operator: Browser, slug: str, held: str, words: str) -> None:
    if held:
        {"open": circuits.hold_open, "closed": circuits.hold_closed}[held]("primary", "charge", "bert", "because")
    before = everything()
    assert act(slug) not in text_of(operator, PAGE)
    for page in (text_of(operator, act(slug)), operator.post(act(slug), {"reason": "x"}).content.decode()):
        assert f"This cannot be done now. {words}" in page
    assert everything() == before


def test_only_what_can_be_done_is_offered(operator: Browser) -> None:
    page = text_of(operator, PAGE)
    assert all(act(slug) in page for slug in ("open", "close"))
    circuits.hold_open("primary", "charge", "bert", "maintenance")
    page = text_of(operator, PAGE)
    assert all(act(slug) in page for slug in ("automatic", "close"))
    assert "has been held open by operator bert since" in page
    assert "Open by hand" in page


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_nothing_is_done_without_a_reason_that_fits(operator: Browser, reason: str) -> None:
    before = everything()
    assert operator.post(act("open"), {"reason": reason}).status_code == 200
    assert everything() == before


def test_a_get_only_asks(operator: Browser) -> None:
    before = everything()
    text_of(operator, f"{act('open')}?reason=because")
    assert everything() == before


def test_two_who_hold_at_the_same_time_make_one_change(operator: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    from payments.admin.circuit import admin

    def somebody_was_faster(gateway: str, operation: str) -> Circuit:
        circuits.hold_open(gateway, operation, "bert", "first")
        return Circuit(gateway=gateway, operation=operation)

    monkeypatch.setattr(admin, "circuit_of", somebody_was_faster)
    page = operator.post(act("open"), {"reason": "second"}, follow=True).content.decode()
    assert "Somebody else changed the breaker meanwhile. Nothing was changed." in page
    assert last_change()[4:] == ("first", "operator:bert")


def test_a_viewer_sees_the_page_without_acts_and_is_refused(viewer: Browser) -> None:
    before = everything()
    assert act("open") not in text_of(viewer, PAGE)
    assert viewer.get(act("open")).status_code == 403
    assert viewer.post(act("open"), {"reason": "let me"}).status_code == 403
    assert everything() == before


def test_who_may_not_see_breakers_sees_none(db: None) -> None:
    nobody = browser_of("nobody")
    assert [nobody.get(url).status_code for url in (LIST, PAGE, act("open"))] == [403, 403, 403]


def test_a_post_without_the_csrf_token_or_a_login_is_refused(operator: Browser) -> None:
    before = everything()
    strict = Browser(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert strict.post(act("open"), {"reason": "from elsewhere"}).status_code == 403
    assert Browser().post(act("open"), {"reason": "hello"})["Location"].startswith("/admin/login/")
    assert everything() == before


@pytest.mark.parametrize(
    "url", [act("explode"), act("open", "prayer"), act("open", gateway="third"), PAGE.replace("primary", "third")]
)
def test_what_does_not_exist_is_not_found(operator: Browser, url: str) -> None:
    assert operator.get(url).status_code == 404
    if url != PAGE.replace("primary", "third"):
        assert operator.post(url, {"reason": "x"}).status_code == 404
    assert everything() == [0]


def test_a_gateway_that_left_the_settings_is_shown_and_cannot_be_held(operator: Browser, settings: object) -> None:
    fail("primary")
    settings.GATEWAYS = settings.GATEWAYS[1:]  # type: ignore[attr-defined]
    page = text_of(operator, PAGE)
    assert "no longer in use" in page
    assert "/charge/open/" not in page
    assert operator.get(act("open")).status_code == 404


def test_the_rows_own_address_leads_to_the_gateway(viewer: Browser) -> None:
    fail("primary")
    response = viewer.get(f"/admin/payments/circuit/{Circuit.objects.get().pk}/change/")
    assert (response.status_code, response["Location"]) == (302, PAGE)
    assert viewer.get("/admin/payments/circuit/999/change/").status_code == 404
