"""A sender's value as an error message may show it: it is hostile, so it is escaped and cut."""

from __future__ import annotations

from baton.limits import TEXT_CHARS_MAX


def quote(value: object) -> str:
    """The value in printable ASCII, cut after about `TEXT_CHARS_MAX` characters.

    Bytes that are printable ASCII are shown as text (a sender that writes hex or base64 where bytes belong sees its
    mistake), others as hex; of JSON's arrays and objects only the kind is shown.
    """
    if isinstance(value, (list, dict)):
        return "a JSON array" if isinstance(value, list) else "a JSON object"
    if isinstance(value, (str, bytes)) and len(value) > TEXT_CHARS_MAX:
        return quote(value[:TEXT_CHARS_MAX]) + "..."
    if isinstance(value, bytes):
        return ascii(value.decode()) if value.isascii() and value.decode().isprintable() else f"0x{value.hex()}"
    return ascii(value)
