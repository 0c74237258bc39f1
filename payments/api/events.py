"""Events for those who missed some, or who would rather ask than be told (requirements D3, G7)."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payments import events, ids, queries
from payments.api import event_listing, events_schema
from payments.api.caller import caller
from payments.api.problems import not_found


class EventListView(APIView):
    """The caller's events in the order in which they were published, each exactly as it is delivered."""

    scopes = {"GET": "events:read"}

    @extend_schema(**events_schema.LIST)
    def get(self, request: Request) -> Response:
        published = queries.events_of(caller(request).client_id)
        return Response(event_listing.page_of(published, request.query_params))


class EventView(APIView):
    """One event, exactly as it is delivered."""

    scopes = {"GET": "events:read"}

    @extend_schema(**events_schema.RETRIEVE)
    def get(self, request: Request, event_id: str) -> Response:
        known = ids.is_id(event_id, "evt")
        event = queries.events_of(caller(request).client_id).filter(pk=event_id).first() if known else None
        if event is None:
            raise not_found("event")
        return Response(event_listing.body(event))


class EventTypesView(APIView):
    """Which events there are and what each means; for every key."""

    @extend_schema(**events_schema.TYPES)
    def get(self, request: Request) -> Response:
        return Response({"data": [{"type": name, "meaning": words} for name, words in events.TYPES.items()]})
