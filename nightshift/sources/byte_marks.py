"""What the first bytes of a text file say about it: another encoding, another kind of file, or Excel's
line about separators."""

import codecs
import gzip
import re
import zlib
from pathlib import Path

from nightshift.sources.wording import shown

HEAD_BYTES = 512
"""Bytes looked at."""
GZIP = b"\x1f\x8b"
MARKS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    b"\x84\x31\x95\x33": "GB18030",
    b"+/v8": "UTF-7",
    b"\xdd\x73\x66\x73": "UTF-EBCDIC",
}
"""Byte-order marks that are not that of UTF-8; the longer first, because that of UTF-32 begins like that
of UTF-16."""
KINDS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"PAR1": "a Parquet file",
    b"Obj\x01": "an Avro file",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database",
    b"%PDF-": "a PDF",
    b"BZh91AY&SY": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
}
"""First bytes of files that are no text."""
SEPARATOR_LINE = re.compile(rb'^"?sep=(.)"?\r?\n', re.IGNORECASE)


def is_gzip(path: Path) -> bool:
    """Whether a file is gzipped, whatever its name says."""
    with path.open("rb") as file:
        return file.read(len(GZIP)) == GZIP


def foreign(path: Path, ending: str) -> str | None:
    """What a text file is instead of UTF-8 text of its format, and the way out, to follow `items.csv is`;
    None where it may be read."""
    head = _head(path)
    kind = next((said for mark, said in KINDS.items() if head.startswith(mark)), None)
    if kind:
        return f"is {kind}, not {ending[1:]}; export it as Parquet, or as text in UTF-8"
    encoding = _encoding(head)
    if encoding:
        return (
            f"is {encoding}; save it as UTF-8 (in Excel: 'CSV UTF-8'; in a shell: iconv -f "
            f"{encoding.split()[0]} -t UTF-8)"
        )
    if b"\n" not in head and b"\r" in head[:-1]:
        return "ends its lines with CR alone, as old Macs do; save it with LF or CRLF"
    found = SEPARATOR_LINE.match(head.removeprefix(codecs.BOM_UTF8)) if ending in (".csv", ".tsv") else None
    if found:
        line = found.group().decode("utf-8", "replace").rstrip("\r\n")
        return (
            f"begins with {shown(line)}, a line by which Excel knows the separator and which is no data; "
            f"remove the first line"
        )
    return None


def _head(path: Path) -> bytes:
    """The first bytes of the text; none where they cannot be had, which the reader will tell better."""
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except (OSError, EOFError, zlib.error):
        return b""


def _encoding(head: bytes) -> str | None:
    """Told by its mark, else by where NUL bytes are: of Western text half or three quarters, and no header
    holds any in UTF-8."""
    marked = next((said for mark, said in MARKS.items() if head.startswith(mark)), None)
    if marked or len(head) < 8:
        return marked
    for width, places, said in (
        (4, (0, 1, 2), "UTF-32BE"),
        (4, (1, 2, 3), "UTF-32LE"),
        (2, (0,), "UTF-16BE"),
        (2, (1,), "UTF-16LE"),
    ):
        nuls = [head[place::width].count(0) / len(head[place::width]) for place in range(width)]
        if (
            min(nuls[place] for place in places) > 0.7
            and max(nuls[place] for place in range(width) if place not in places) < 0.1
        ):
            return said
    return "UTF-16 without its mark, or no text" if b"\0" in head.split(b"\n")[0] else None
