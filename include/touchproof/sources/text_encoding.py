"""The text of a file whose character set the sender promised.

Belongs here: decoding, and noticing that a file was written in another character set. Doesn't
belong here: what the text means (delimited.py, fixed_width.py).
"""

from __future__ import annotations

from touchproof.sources.faults import StructuralFaultError

_BYTE_ORDER_MARK = "\ufeff"


def decoded(content: bytes, encoding: str) -> str:
    """Return the text of a file, less a byte order mark.

    Args:
        content: The unpacked file.
        encoding: `utf-8` or `latin-1`.

    Raises:
        StructuralFaultError: If it is in another character set, or holds NUL bytes.
    """
    if b"\0" in content:
        raise StructuralFaultError("nul_bytes")
    if encoding == "utf-8":
        try:
            return content.decode("utf-8").removeprefix(_BYTE_ORDER_MARK)
        except UnicodeDecodeError as error:
            raise StructuralFaultError("wrong_encoding") from UnicodeError(error.reason)
    if not content.isascii() and _is_utf8(content):
        # Latin-1 text that is valid multi-byte UTF-8 doesn't occur by chance: it was sent as UTF-8.
        raise StructuralFaultError("wrong_encoding")
    return content.decode(encoding)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
