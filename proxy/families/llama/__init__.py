"""Meta Llama by InvokeModel: a prompt by each generation's own template, its answer and its stream.

Models that were imported take a prompt as well: by one of these templates, or by one that they brought along.
"""

from proxy.families.call import Call, Family
from proxy.families.llama import imported, request
from proxy.families.llama.thoughts import parse, reader
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.request import Request
from proxy.routing.catalog import Model


def build(asked: Request, model: Model, adapted: Adaptations) -> Call:
    """Raises `InvalidRequest` for what the model, or its template, cannot take."""
    if model.chat_template is not None:
        return imported.build(asked, model, adapted)
    return request.build(asked, model, adapted)


FAMILY = Family(
    operation="invoke",
    stream_operation="invoke-with-response-stream",
    build=build,
    parse=parse,
    reader=reader,
)
