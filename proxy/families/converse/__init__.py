"""Every model with a Converse API: one body, one answer and one stream for all of them; the quirks are the catalogue's."""

from proxy.families.call import Family
from proxy.families.converse.reply import parse
from proxy.families.converse.request import build
from proxy.families.converse.stream import ConverseStream

FAMILY = Family(
    operation="converse",
    stream_operation="converse-stream",
    build=build,
    parse=parse,
    reader=ConverseStream,
)
