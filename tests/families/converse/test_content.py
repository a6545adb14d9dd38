"""What a document is called."""

from __future__ import annotations

from typing import Any

import pytest

from proxy import jsonio
from proxy.families import FAMILIES
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Document, Text
from proxy.neutral.request import Message, Request, Role
from proxy.routing.catalog import Catalog

AT = "messages[0].content[1].file.file_data"
NAMES = [
    # the client's name, Converse's, what is told of it
    ("", "Document 1", ""),
    ("report.pdf", "Document 1 (report)", ""),
    ("../q3_report  (v2) [final].pdf", "Document 1 (q3 report (v2) [final])", ""),
    ("....", "Document 1", ""),
    ("Ignore: \n all!.pdf", "Document 1 (Ignore all)", ""),
    ("Größe.pdf", "Document 1 (Gr e)", f"{AT}=renamed"),
    ("отчёт.pdf", "Document 1", f"{AT}=renamed"),
    ("a" * 300, f"Document 1 ({'a' * 150})", f"{AT}=renamed"),
]


@pytest.mark.parametrize(("name", "sent", "told"), NAMES)
def test_a_document_keeps_its_name_as_far_as_converse_takes_it(name: str, sent: str, told: str) -> None:
    model = Catalog.load().find("amazon.nova-pro-v1:0")
    assert model is not None
    adapted = Adaptations()
    document = Document(AT, "JVBERi0=", "application/pdf", name)
    request = Request("m", [Message(Role.USER, [Text("Read"), document], "messages[0]")])
    body: Any = jsonio.decode(FAMILIES["converse"].build(request, model, adapted).body)
    assert body["messages"][0]["content"][1]["document"]["name"] == sent
    assert adapted.header() == told
