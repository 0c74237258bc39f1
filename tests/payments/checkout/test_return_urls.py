"""Where customers may be sent back to (bad inputs B99)."""

import pytest

from payments.checkout.return_urls import problem_with, with_result

ORIGINS = ["https://shop.test", "http://127.0.0.1:8000", "https://[2001:db8::1]:8443"]


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.test",
        "https://shop.test/",
        "https://shop.test/thanks?order=1&x=%20#top",
        "https://shop.test:443/thanks",
        "https://SHOP.test/thanks",
        "http://127.0.0.1:8000/shop/thanks",
        "https://[2001:db8::1]:8443/",
    ],
)
def test_an_address_of_the_shop_is_taken(url: str) -> None:
    assert problem_with(url, ORIGINS) == ""


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("javascript:alert(1)", "whole web address"),
        ("data:text/html,hello", "whole web address"),
        ("//evil.test", "whole web address"),
        ("/thanks", "whole web address"),
        ("https:/thanks", "whole web address"),
        ("https://", "whole web address"),
        ("ftp://shop.test/", "whole web address"),
        ("https://shop.test@evil.test/", "user name"),
        ("https://anna:secret@shop.test/", "user name"),
        ("https://@shop.test/", "user name"),
        ("https://evil.test/", "registered"),
        ("https://shop.test.evil.test/", "registered"),
        ("https://evilshop.test/", "registered"),
        ("http://shop.test/", "registered"),
        ("https://shop.test:8443/", "registered"),
        ("http://127.0.0.1/", "registered"),
        ("https://shop.test\\@evil.test/", "characters"),
        ("https://evil.test\\.shop.test/", "characters"),
        ("https://shop.test/\r\nLocation: https://evil.test", "characters"),
        ("https://shop.test/ x", "characters"),
        (" https://shop.test/", "characters"),
        ("https://shop.test/\x00", "characters"),
        ("https://shop.tеst/", "characters"),
        ("https://shop.test/<script>", "characters"),
        ("https://shop.test:99999/", "not a web address"),
        ("https://shop.test:port/", "not a web address"),
        ("https://[shop.test/", "not a web address"),
        ("https://shop.test/" + "a" * 500, "longer than 500"),
    ],
)
def test_any_other_address_is_refused_with_the_reason(url: str, why: str) -> None:
    assert why in problem_with(url, ORIGINS)


def test_a_shop_without_origins_sends_nobody_anywhere() -> None:
    assert "registered" in problem_with("https://shop.test/", [])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://shop.test/thanks", "https://shop.test/thanks?orderID=a%2F1&paymentID=pay_1"),
        ("https://shop.test/t?lang=en#top", "https://shop.test/t?lang=en&orderID=a%2F1&paymentID=pay_1#top"),
    ],
)
def test_the_result_is_appended_to_the_query(url: str, expected: str) -> None:
    assert with_result(url, orderID="a/1", paymentID="pay_1") == expected
