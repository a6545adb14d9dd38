"""Meta Llama by InvokeModel: a prompt by each generation's own template, its answer and its stream."""

from proxy.families.call import Family
from proxy.families.llama.reply import parse
from proxy.families.llama.request import build
from proxy.families.llama.stream import LlamaStream

FAMILY = Family(
    operation="invoke",
    stream_operation="invoke-with-response-stream",
    build=build,
    parse=parse,
    reader=LlamaStream,
)
