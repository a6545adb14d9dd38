"""The Bedrock side, pure: `Request` -> wire body; wire body or frames -> `Reply` or events. The table of families."""

from collections.abc import Mapping
from types import MappingProxyType

from proxy.families import claude, converse, llama
from proxy.families.call import Call, Family, StreamReader

__all__ = ["FAMILIES", "Call", "Family", "StreamReader"]

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {"claude": claude.FAMILY, "converse": converse.FAMILY, "llama": llama.FAMILY}
)
"""The names are those of the `family` column in `routing/catalog.toml`."""
