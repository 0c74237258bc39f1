"""The demo shop's pages: products, cart, and a plain form that sends the customer to the checkout page."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from payments import queries
from payments.checkout import languages
from payments.checkout.guarding import page
from payments.models import Client, Payment
from payments.states import PaymentStatus
from payments.words import is_accepted_unpaid
from paysite.demo.cart import MOST_OF_ONE, Cart
from paysite.demo.catalogue import CURRENCIES, PRODUCTS
from paysite.demo.forms import LANGUAGE_NAMES, CartForm, CurrencyForm, DetailsForm
from paysite.demo.order_form import signed_fields
from paysite.demo.seed import SHOP_SLUG

View = Callable[[HttpRequest], HttpResponse]


def demo_page(*methods: str) -> Callable[[View], View]:
    """Guard a page of the shop, which exists in demo mode only."""

    def decorate(view: View) -> View:
        guarded = page(*methods)(view)

        def only_in_demo(request: HttpRequest) -> HttpResponse:
            if not settings.DEMO:
                raise Http404
            return guarded(request)

        return only_in_demo

    return decorate


@demo_page("GET", "HEAD")
def shop(request: HttpRequest) -> HttpResponse:
    cart = Cart(request.session)
    products = [(product, product.price_text(cart.currency)) for product in PRODUCTS.values()]
    return render(request, "shop/shop.html", _context(cart, products=products))


@demo_page("GET", "HEAD")
def cart(request: HttpRequest) -> HttpResponse:
    kept = Cart(request.session)
    form = DetailsForm(initial=_known(kept, request), label_suffix="")
    return render(request, "shop/cart.html", _context(kept, form=form, quantities=range(MOST_OF_ONE + 1)))


@demo_page("POST")
def change(request: HttpRequest) -> HttpResponse:
    """Change one line of the cart, then show the page on which it was changed."""
    form = CartForm(request.POST)
    if not form.is_valid():
        return redirect("shop:cart")
    sku, quantity = form.cleaned_data["sku"], form.cleaned_data["quantity"]
    kept = Cart(request.session)
    if quantity is None:
        kept.add(sku)
        return redirect(f"{reverse('shop:shop')}?added={sku}")
    kept.put(sku, quantity)
    return redirect("shop:cart")


@demo_page("POST")
def currency(request: HttpRequest) -> HttpResponse:
    form = CurrencyForm(request.POST)
    if form.is_valid():
        Cart(request.session).use_currency(form.cleaned_data["currency"])
    return redirect("shop:cart" if request.POST.get("page") == "cart" else "shop:shop")


@demo_page("POST")
def details(request: HttpRequest) -> HttpResponse:
    """Note who buys and make the order's number."""
    kept = Cart(request.session)
    form = DetailsForm(request.POST, label_suffix="")
    if not kept.lines:
        return redirect("shop:cart")
    if not form.is_valid():
        context = _context(kept, form=form, quantities=range(MOST_OF_ONE + 1))
        return render(request, "shop/cart.html", context, status=400)
    kept.order(**form.cleaned_data)
    return redirect("shop:order")


@demo_page("GET", "HEAD")
def order(request: HttpRequest) -> HttpResponse:
    """Show the order with the signed form that goes to the checkout page."""
    kept = Cart(request.session)
    client = Client.objects.filter(slug=SHOP_SLUG).first()
    if kept.reference is None or not kept.lines:
        return redirect("shop:cart")
    if client is None:
        return render(request, "shop/closed.html", _context(kept), status=503)
    fields = signed_fields(
        kept,
        reference=kept.reference,
        return_url=settings.PUBLIC_URL + reverse("shop:thanks"),
        client=client.slug,
        secret=client.form_secret,
    )
    action = settings.PUBLIC_URL + reverse("checkout:start")
    language = LANGUAGE_NAMES.get(kept.language, "")
    return render(request, "shop/order.html", _context(kept, fields=fields, action=action, language=language))


@demo_page("GET", "HEAD")
def thanks(request: HttpRequest) -> HttpResponse:
    """Receive the customer back. That the order is paid is looked up, never believed from the address."""
    kept = Cart(request.session)
    payment = _payment(request.GET.get("orderID", ""), request.GET.get("paymentID", ""))
    paid = payment is not None and payment.status == PaymentStatus.SUCCESS
    accepted = payment is not None and is_accepted_unpaid(payment)
    if payment is not None and (paid or accepted) and kept.reference == payment.order.reference:
        kept.empty()
    context = _context(kept, paid=paid, accepted=accepted, order=payment and payment.order)
    return render(request, "shop/thanks.html", context)


def _known(cart: Cart, request: HttpRequest) -> dict[str, str]:
    """Return what the shop knows already of who buys; the language is that of the browser until one is chosen."""
    language = cart.language or languages.of_browser(request.headers.get("Accept-Language", "")) or "en"
    return {"name": cart.name, "email": cart.email, "phone": cart.phone, "language": language}


def _payment(reference: str, payment_id: str) -> Payment | None:
    """Return this shop's payment; both texts come from the address and may be anything."""
    if not (reference.isascii() and reference.isprintable() and payment_id.isascii() and payment_id.isprintable()):
        return None
    client = Client.objects.filter(slug=SHOP_SLUG).first()
    if client is None:
        return None
    return queries.payments_of(client.pk).filter(pk=payment_id, order__reference=reference).first()


def _context(cart: Cart, **more: Any) -> dict[str, Any]:
    return {"cart": cart, "currencies": CURRENCIES, "events_url": settings.DEMO_INBOX_URL, **more}
