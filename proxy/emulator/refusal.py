"""Bedrock's refusals: type, status, words, and how they look on the wire.

    HTTP/1.1 400 Bad Request
    x-amzn-ErrorType: ValidationException:http://internal.amazon.com/coral/com.amazon.bedrock/

    {"message":"…"}

Statuses: botocore 1.44 service model of `bedrock-runtime` and AWS's list of common errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CORAL = ":http://internal.amazon.com/coral/com.amazon.bedrock/"

STATUSES = {
    "AccessDeniedException": 403,
    "ConflictException": 400,
    "ExpiredTokenException": 403,
    "FTUFormNotFilled": 404,
    "IncompleteSignatureException": 403,
    "InternalServerException": 500,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelStreamErrorException": 424,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "UnknownOperationException": 404,
    "UnrecognizedClientException": 403,
    "ValidationException": 400,
}

WORDS = {
    "AccessDeniedException": "You don't have access to the model with the specified model ID.",
    "ExpiredTokenException": "The security token included in the request is expired",
    "FTUFormNotFilled": "Model use case details have not been submitted for this account. Fill out the Anthropic use "
    "case details form before using the model. If you have already filled out the form, try again in 15 minutes.",
    "InternalServerException": "The system encountered an unexpected error during processing. Try again later.",
    "ModelErrorException": "The model returned the following errors: the model container failed.",
    "ModelNotReadyException": "Model is not ready for inference. Wait and try your request again.",
    "ModelStreamErrorException": "An error occurred while streaming the response. Retry your request.",
    "ModelTimeoutException": "Model has timed out in processing the request. Try your request again.",
    "ResourceNotFoundException": "Could not resolve the foundation model from the provided model identifier.",
    "ServiceQuotaExceededException": "Your request exceeds the service quota for your account.",
    "ServiceUnavailableException": "Bedrock is unable to process your request.",
    "ThrottlingException": "Too many requests, please wait before trying again.",
    "UnrecognizedClientException": "The security token included in the request is invalid.",
    "ValidationException": "The request is not valid.",
}
"""What a scripted error says when the script does not."""


class Refusal(Exception):
    """Bedrock says no. `members` stand beside the message, as `originalStatusCode` does."""

    def __init__(
        self,
        type: str,
        message: str | None = None,
        *,
        status: int | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        self.type = type
        self.message = WORDS.get(type, "") if message is None else message
        self.status = STATUSES.get(type, 400) if status is None else status
        self.members = dict(members or {})
        super().__init__(f"{type}: {self.message}")

    @property
    def header(self) -> str | None:
        """The value of `x-amzn-ErrorType`."""
        return self.type + CORAL

    @property
    def body(self) -> dict[str, Any]:
        return {"message": self.message, **self.members}


class SignatureRefusal(Refusal):
    """The layer in front of Bedrock says no: its type stands alone in the header."""

    @property
    def header(self) -> str | None:
        return self.type


class BearerRefusal(Refusal):
    """A bad bearer key: 403, no type at all, and a capital `Message`."""

    def __init__(self, message: str) -> None:
        super().__init__("AccessDeniedException", message, status=403)

    @property
    def header(self) -> str | None:
        return None

    @property
    def body(self) -> dict[str, Any]:
        return {"Message": self.message}


def invalid(message: str) -> Refusal:
    """A `ValidationException`, which is what nearly every refusal is."""
    return Refusal("ValidationException", message)
