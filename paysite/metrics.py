"""`/metrics`: the figures of payments/metrics.py in Prometheus' text format, for a key that may `metrics:read`."""

from collections.abc import Iterator, Mapping
from typing import Final

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.views import APIView

from payments.metrics import Metric, metrics
from refunds.metrics import metrics as refund_metrics

# https://prometheus.io/docs/instrumenting/exposition_formats/, text format 0.0.4.
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class MetricsView(APIView):
    """Figures of the whole installation, not only of the caller's client: give the scope to a key of your own."""

    scopes = {"GET": "metrics:read"}

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        text = "".join(f"{line}\n" for metric in [*metrics(), *refund_metrics()] for line in _lines(metric))
        return HttpResponse(text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


def _lines(metric: Metric) -> Iterator[str]:
    yield f"# HELP {metric.name} {metric.help}"
    yield f"# TYPE {metric.name} {metric.kind}"
    for labels, value in metric.samples:
        yield f"{metric.name}{_labels(labels)} {value}"


def _labels(labels: Mapping[str, str]) -> str:
    pairs = ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in labels.items())
    return f"{{{pairs}}}" if pairs else ""
