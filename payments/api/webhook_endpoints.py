"""Webhook endpoints over the API: where a client wants its events (requirements D3, G7)."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payments import ids, queries
from payments.api import delivery_listing, representation, webhook_endpoint_input
from payments.api import webhook_endpoint_schema as schema
from payments.api.caller import caller
from payments.api.problems import FieldError, Problem, not_found
from payments.api.views import because
from payments.models import Delivery, WebhookEndpoint
from payments.services import endpoints
from payments.services.redeliver import redeliver


def own_endpoint(request: Request, endpoint_id: str) -> WebhookEndpoint:
    """Return the caller's endpoint; raise the 404 that tells nothing about other clients' endpoints."""
    known = ids.is_id(endpoint_id, "we")
    endpoint = queries.endpoints_of(caller(request).client_id).filter(pk=endpoint_id).first() if known else None
    if endpoint is None:
        raise not_found("webhook endpoint")
    return endpoint


class EndpointListView(APIView):
    """The caller's endpoints; there are few."""

    scopes = {"GET": "events:read", "POST": "events:write"}

    @extend_schema(**schema.LIST)
    def get(self, request: Request) -> Response:
        rows = queries.endpoints_of(caller(request).client_id).order_by("pk")
        return Response({"data": [representation.webhook_endpoint(row) for row in rows]})

    @extend_schema(**schema.CREATE)
    def post(self, request: Request) -> Response:
        asked = webhook_endpoint_input.new_endpoint(request.data)
        client_id = caller(request).client_id
        try:
            endpoint = endpoints.create(client_id, asked.url, asked.types, asked.description, because(request))
        except endpoints.TooManyEndpointsError:
            raise _too_many() from None
        except endpoints.BadUrlError as error:
            raise webhook_endpoint_input.refused([FieldError("url", error.reason)]) from None
        response = _with_secret(own_endpoint(request, endpoint.pk), 201)
        response["Location"] = f"/api/webhook-endpoints/{endpoint.pk}"
        return response


class EndpointView(APIView):
    """One endpoint: read, changed, deleted."""

    scopes = {"GET": "events:read", "PATCH": "events:write", "DELETE": "events:write"}

    @extend_schema(**schema.RETRIEVE)
    def get(self, request: Request, endpoint_id: str) -> Response:
        return Response(representation.webhook_endpoint(own_endpoint(request, endpoint_id)))

    @extend_schema(**schema.CHANGE)
    def patch(self, request: Request, endpoint_id: str) -> Response:
        asked = webhook_endpoint_input.changes(request.data)
        endpoint = own_endpoint(request, endpoint_id)
        is_enabled = asked.pop("enabled", None)
        try:
            if asked:
                endpoints.change(endpoint, **asked, because=because(request))
            if is_enabled is True and not endpoint.is_enabled:
                endpoints.enable(endpoint, because(request))
            elif is_enabled is False and endpoint.is_enabled:
                endpoints.disable(endpoint, "by the client", because(request))
        except endpoints.BadUrlError as error:
            raise webhook_endpoint_input.refused([FieldError("url", error.reason)]) from None
        return Response(representation.webhook_endpoint(own_endpoint(request, endpoint_id)))

    @extend_schema(**schema.DELETE)
    def delete(self, request: Request, endpoint_id: str) -> Response:
        endpoints.delete(own_endpoint(request, endpoint_id), because(request))
        return Response(status=204)


class RotateSecretView(APIView):
    """Makes a new secret; the old one goes on signing beside it, so that the client can change over."""

    scopes = {"POST": "events:write"}

    @extend_schema(**schema.ROTATE)
    def post(self, request: Request, endpoint_id: str) -> Response:
        overlap = webhook_endpoint_input.overlap(request.data)
        endpoints.rotate(own_endpoint(request, endpoint_id), overlap, because(request))
        return _with_secret(own_endpoint(request, endpoint_id), 200)


class TestView(APIView):
    """Sends a test event to the endpoint alone, as soon as its turn comes."""

    scopes = {"POST": "events:write"}

    @extend_schema(**schema.TEST)
    def post(self, request: Request, endpoint_id: str) -> Response:
        webhook_endpoint_input.nothing(request.data)
        endpoint = own_endpoint(request, endpoint_id)
        try:
            made = endpoints.test(endpoint, because(request))
        except endpoints.DisabledEndpointError:
            raise _disabled() from None
        row = queries.with_tries(Delivery.objects.filter(pk=made.pk)).get()
        return Response(representation.delivery(row), status=202)


class RedeliverView(APIView):
    """Delivers events once more: those that are named, or those since a moment."""

    scopes = {"POST": "events:write"}

    @extend_schema(**schema.REDELIVER)
    def post(self, request: Request, endpoint_id: str) -> Response:
        asked = webhook_endpoint_input.again(request.data)
        endpoint = own_endpoint(request, endpoint_id)
        if asked.event_ids is not None:
            _known(request, asked.event_ids)
        try:
            count = redeliver(endpoint, because(request), **asked._asdict())
        except endpoints.DisabledEndpointError:
            raise _disabled() from None
        return Response({"deliveries": count}, status=202)


class DeliveryListView(APIView):
    """The delivery log of an endpoint, newest first."""

    scopes = {"GET": "events:read"}

    @extend_schema(**schema.DELIVERIES)
    def get(self, request: Request, endpoint_id: str) -> Response:
        return Response(delivery_listing.page_of(own_endpoint(request, endpoint_id), request.query_params))


def _with_secret(endpoint: WebhookEndpoint, status: int) -> Response:
    """Return the only kind of answer that shows a secret; nobody may keep it."""
    shown: dict[str, Any] = {**representation.webhook_endpoint(endpoint), "secret": endpoint.secret}
    return Response(shown, status=status, headers={"Cache-Control": "no-store"})


def _disabled() -> Problem:
    return Problem(
        status=409,
        code="endpoint_disabled",
        title="The endpoint is disabled.",
        detail='Nothing is sent to it. Enable it first: PATCH with {"enabled": true}. Nothing was changed.',
    )


def _known(request: Request, event_ids: list[str]) -> None:
    """Raise the 404 where one of the events does not exist for the caller: then none of them is delivered."""
    own = queries.events_of(caller(request).client_id)
    found = set(own.filter(pk__in=event_ids).values_list("pk", flat=True))
    if missing := [event_id for event_id in event_ids if event_id not in found]:
        raise not_found(f"event: {missing[0]}")


def _too_many() -> Problem:
    return Problem(
        status=409,
        code="too_many_endpoints",
        title="There are too many endpoints.",
        detail="Delete one that is not needed any more, or change it. Nothing was changed.",
    )
