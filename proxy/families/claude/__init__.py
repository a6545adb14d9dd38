"""Anthropic Claude by InvokeModel: the Messages body, its answer and its stream."""

from proxy.families.call import Family
from proxy.families.claude.reply import parse
from proxy.families.claude.request import build
from proxy.families.claude.stream import ClaudeStream

FAMILY = Family(
    operation="invoke",
    stream_operation="invoke-with-response-stream",
    build=build,
    parse=parse,
    reader=ClaudeStream,
)
