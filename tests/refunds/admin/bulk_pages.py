"""The console's pages of bulk refunds, and lists that are brought in there."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from refunds.models import BulkRefund

LIST = "/admin/refunds/bulkrefund/"
ADD = f"{LIST}add/"


def page_of(bulk: BulkRefund) -> str:
    return f"{LIST}{bulk.pk}/change/"


def act_of(bulk: BulkRefund, slug: str, seen: str = "") -> str:
    return f"{LIST}{bulk.pk}/do/{slug}/?seen={seen or bulk.parameters_hash}"


def uploaded(browser: Browser, content: bytes, name: str = "list.csv", **more: str) -> Any:
    file = SimpleUploadedFile(name, content, "text/csv")
    return browser.post(ADD, {"reason": "duplicate", "note": "twice", "file": file, **more})


def made(browser: Browser, *lines: str, **more: str) -> BulkRefund:
    """Return the list of these pasted lines, which `browser` brings in."""
    response = browser.post(ADD, {"reason": "duplicate", "pasted": "\n".join(lines), **more})
    assert response.status_code == 302
    return BulkRefund.objects.get(pk=response["Location"].split("/")[-3])
