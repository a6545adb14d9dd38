"""The log: one line a request, `key=value`, on standard error. Never content, never a secret."""

from __future__ import annotations

import logging
import sys

from proxy.telemetry.record import Record

log = logging.getLogger("bedrock_proxy")


def set_up(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    log.setLevel(level.upper())
    log.propagate = False


def write(record: Record) -> None:
    if not log.isEnabledFor(logging.INFO):
        return
    parts = [f"{record.method} {_plain(record.path)} {record.status} {record.duration_s * 1000:.0f}ms"]
    parts.append(f"id={record.request_id}")
    if record.model is not None:
        parts.append(f"model={_plain(record.model)}")
    if record.target is not None and record.target != record.model:
        parts.append(f"target={_plain(record.target)}")
    if record.is_stream:
        parts.append("stream")
    if record.first_event_s is not None:
        parts.append(f"first={record.first_event_s * 1000:.0f}ms")
    usage = record.usage
    if usage.input_tokens or usage.output_tokens:
        parts.append(f"in={usage.input_tokens} out={'~' if usage.is_estimate else ''}{usage.output_tokens}")
    if record.adapted:
        parts.append(f"adapted=[{record.adapted}]")
    if record.upstream_request_id:
        parts.append(f"aws={_plain(record.upstream_request_id)}")
    if record.error_code:
        parts.append(f"error={_plain(record.error_code)}")
    if record.has_hung_up:
        parts.append("hung-up")
    log.info(" ".join(parts))


def _plain(text: str) -> str:
    """One line, of printable ASCII, of bounded length: a client's words cannot forge a line of the log."""
    if len(text) <= 200 and text.isascii() and text.isprintable() and " " not in text:
        return text
    return "".join(c if " " < c <= "~" else "?" for c in text[:200])
