"""To which addresses events may go (requirement D3; bad input B100)."""

import socket
from typing import Any

import pytest

from payments.gateways.public_http import PublicClient
from payments.models import Client, WebhookEndpoint
from payments.services import endpoints
from payments.services.endpoint_urls import problem_with
from tests.payments.conftest import BECAUSE

REFUSED = [
    "http://shop.example/",
    "ftp://shop.example/",
    "javascript:alert(1)",
    "//shop.example/",
    "shop.example",
    "",
    "https://",
    "https:///path",
    "https://127.0.0.1/",
    "https://127.0.0.1./",
    "https://127.8.8.8/",
    "https://[::1]/",
    "https://[::]/",
    "https://0.0.0.0/",
    "https://0/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://2130706433/",
    "https://2852039166/",
    "https://017700000001/",
    "https://0177.0.0.1/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://127.1/",
    "https://134744072/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::ffff:a00:1]/",
    "https://[::127.0.0.1]/",
    "https://[::7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fc00::1]/",
    "https://[fec0::1]/",
    "https://[::1",
    "https://[v1.x]/events",
    "https://[v1.shop.example]/",
    "https://[8.8.8.8]/",
    "https://[2606:4700::1111];x",
    "https://[2606:4700::1111]x:443/",
    "https://[2606:4700::1111].shop.example/",
    "https://x[2606:4700::1111]/",
    "https://localhost/",
    "https://localhost./",
    "https://LOCALHOST/",
    "https://shop.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://router.home.arpa/",
    "https://database/",
    "https://%31%32%37.0.0.1/",
    "https://１２７.0.0.1/",
    "https://①②⑦.0.0.1/",
    "https://shöp.example/",
    "https://shop..example/",
    "https://-shop.example/",
    "https://shop.example:25/",
    "https://shop.example:22/",
    "https://shop.example:80/",
    "https://shop.example:0/",
    "https://shop.example:6379/",
    "https://shop.example:5432/",
    "https://shop.example:11211/",
    "https://shop.example:65536/",
    "https://shop.example:/",
    "https://shop.example:000443/",
    "https://shop.example:+443/",
    "https://shop.example:4_43/",
    "https://shop.example;x/",
    "https://[2606:4700::1111]:/",
    "https://user@shop.example/",
    "https://user:password@shop.example/",
    "https://shop.example\\@127.0.0.1/",
    "https://shop.example#@127.0.0.1/",
    "https://shop.example/#part",
    "https://shop.example/a b",
    "https://shop.example/\n",
    "https://shop.example/\x00",
    "https://shop.example/" + "a" * 480,
]


@pytest.fixture
def production(settings: Any) -> None:
    settings.DEMO = False


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_is_refused_with_a_reason(production: None, url: str) -> None:
    assert problem_with(url).startswith("must ")


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://shop.example/events?shop=1&key=a%20b",
        "HTTPS://Shop.Example./events",
        "https://shop.example:443/",
        "https://shop.example:8443/",
        "https://shop.example:3000/",
        "https://xn--shp-sna.example/",
        "https://my_shop.hooks-1.example/",
        "https://8.8.8.8/",
        "https://[2606:4700::1111]/",
    ],
)
def test_an_address_on_the_public_internet_is_taken_and_can_be_called(production: None, url: str) -> None:
    assert problem_with(url) == ""
    PublicClient(url, allow_loopback=False, read_timeout=1)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/events", "http://localhost:9000/", "https://[::1]:9000/", "http://127.0.0.1/"]
)
def test_the_demo_takes_this_machine_plainly_written(url: str) -> None:
    assert problem_with(url) == ""


@pytest.mark.parametrize(
    "url", ["http://2130706433/", "http://10.0.0.1/", "http://127.0.0.1:22/", "http://127.0.0.1:6379/", "http://a.b/"]
)
def test_the_demo_takes_nothing_else_of_it(url: str) -> None:
    assert problem_with(url) != ""


def resolving_to(*found: str) -> Any:
    def getaddrinfo(host: str, port: Any, *_: Any, **__: Any) -> list[Any]:
        chosen = (host,) if host[0].isdigit() or ":" in host else found
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in chosen
        ]

    return getaddrinfo


@pytest.mark.parametrize(
    "found", [("10.0.0.1",), ("8.8.8.8", "127.0.0.1"), ("::1",), ("::ffff:169.254.169.254",), ("fe80::1%eth0",)]
)
def test_a_name_that_leads_to_a_private_address_is_refused(
    production: None, monkeypatch: pytest.MonkeyPatch, found: tuple[str, ...]
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to(*found))
    assert problem_with("https://shop.example/") == (
        "must lead to an address on the public internet; this name leads to one that is not."
    )


def test_a_name_that_leads_to_public_addresses_is_taken(production: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolving_to("8.8.8.8", "2606:4700::1111"))
    assert problem_with("https://shop.example/") == ""


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["https://10.0.0.1/", "http://shop.example/"])
def test_a_refused_address_makes_and_changes_no_endpoint(shop: Client, url: str) -> None:
    there = endpoints.create(shop.pk, "https://shop.example/", [], "", BECAUSE)
    with pytest.raises(endpoints.BadUrlError) as refused:
        endpoints.create(shop.pk, url, [], "", BECAUSE)
    assert refused.value.reason.startswith("must ")
    with pytest.raises(endpoints.BadUrlError):
        endpoints.change(there, url=url, because=BECAUSE)
    assert list(WebhookEndpoint.objects.values_list("url", flat=True)) == ["https://shop.example/"]
