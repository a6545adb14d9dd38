"""The client side, pure: JSON in -> `Request`; `Reply` or events -> JSON or SSE out. The table of APIs."""

from collections.abc import Mapping
from types import MappingProxyType

from proxy.apis.api import Api
from proxy.apis.chat import ChatApi

APIS: Mapping[str, Api] = MappingProxyType({"/chat/completions": ChatApi()})
"""Route -> API. Each is served with and without `/v1` in front, since some clients are set up with either."""
