"""The tables below are files cut down to what their formats' documents demand of a header."""

from __future__ import annotations

from base64 import b64encode
from struct import pack

import pytest
from botocore.session import get_session

from proxy.errors import InvalidRequest
from proxy.media.kinds import (
    DOCUMENT_TYPES,
    HEAD_BYTES,
    IMAGE_TYPES,
    DataUrl,
    base64_dimensions,
    check_base64,
    decode_head,
    decoded_size,
    dimensions,
    document_format,
    is_data_url,
    parse_data_url,
    read_document,
    read_image,
    sniff,
)

DOCX, XLSX = DOCUMENT_TYPES["docx"], DOCUMENT_TYPES["xlsx"]
OLE = bytes.fromhex("d0cf11e0a1b11ae1")


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 6, 0, 0, 0) + b"crc!"


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + pack("<HH", width, height) + b"\0\0\0;"


def segment(marker: int, content: bytes) -> bytes:
    return pack(">BBH", 0xFF, marker, len(content) + 2) + content


def frame_header(width: int, height: int, marker: int = 0xC0) -> bytes:
    return segment(marker, pack(">BHHB", 8, height, width, 3) + bytes(9))


def jpeg(*segments: bytes) -> bytes:
    return b"\xff\xd8" + b"".join(segments)


def webp(kind: bytes, content: bytes) -> bytes:
    chunk = kind + pack("<I", len(content)) + content
    return b"RIFF" + pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def lossy(width: int, height: int, start_code: bytes = b"\x9d\x01\x2a") -> bytes:
    return webp(b"VP8 ", b"\x10\x20\x30" + start_code + pack("<HH", width, height) + b"more")


def lossless(width: int, height: int, signature: int = 0x2F) -> bytes:
    return webp(b"VP8L", pack("<BI", signature, width - 1 | height - 1 << 14) + b"alpha")


def extended(width: int, height: int) -> bytes:
    return webp(b"VP8X", bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"))


def zipped(*names: bytes) -> bytes:
    return b"".join(b"PK\x03\x04" + bytes(22) + pack("<HH", len(name), 0) + name + b"content" for name in names)


def encode(data: bytes) -> str:
    return b64encode(data).decode()


def refusal(error: pytest.ExceptionInfo[InvalidRequest]) -> tuple[str, str | None, str | None]:
    return error.value.message, error.value.param, error.value.code


# What there is


def enum(shape: str) -> set[str]:
    model = get_session().get_service_model("bedrock-runtime")
    return set(model.shape_for(shape).enum)


def test_formats_are_those_of_bedrock() -> None:
    assert {media_type.removeprefix("image/") for media_type in IMAGE_TYPES} == enum("ImageFormat")
    assert set(DOCUMENT_TYPES) == enum("DocumentFormat")


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (png(1, 1), "image/png"),
        (jpeg(b"\xff\xe0"), "image/jpeg"),
        (gif(1, 1), "image/gif"),
        (b"GIF87a", "image/gif"),
        (lossy(1, 1), "image/webp"),
        (b"RIFF\x24\0\0\0WAVEfmt ", None),
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\xef\xbb\xbf\r\n %PDF-1.4", "application/pdf"),
        (b"We write %PDF-1.7 at the top", None),
        (zipped(b"[Content_Types].xml", b"_rels/.rels", b"word/document.xml"), DOCX),
        (zipped(b"xl/workbook.xml"), XLSX),
        (zipped(b"[Content_Types].xml", b"ppt/presentation.xml"), None),
        (zipped(b"my word/document.xml", b"sword/x"), None),
        (zipped(b"a" * HEAD_BYTES, b"word/document.xml"), None),
        (b"PK\x03\x04", None),
        (b"BM\x36\0\0\0", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"\x89PNG", None),
        (b"", None),
    ],
)
def test_sniff(head: bytes, media_type: str | None) -> None:
    assert sniff(head) == media_type


TEXT = b"name,age\nJos\xc3\xa9,41\n"


@pytest.mark.parametrize(
    ("name", "media_type", "head", "wanted"),
    [
        # the bytes go first
        ("report.txt", "text/plain", b"%PDF-1.7", "pdf"),
        ("report.xlsx", "", zipped(b"word/document.xml"), "docx"),
        ("", "", zipped(b"xl/workbook.xml"), "xlsx"),
        ("scan.pdf", "application/pdf", png(1, 1), None),
        # then the name
        ("people.csv", "application/vnd.ms-excel", TEXT, "csv"),
        ("PEOPLE.CSV", "", TEXT, "csv"),
        ("old.doc", "", OLE + b"\0", "doc"),
        ("old.xls", "", OLE + b"\0", "xls"),
        ("late.docx", "", zipped(b"[Content_Types].xml"), "docx"),
        ("late.xlsx", "", zipped(b"[Content_Types].xml"), "xlsx"),
        ("page.html", "", TEXT, "html"),
        ("page.htm", "", TEXT, "html"),
        ("page.xhtml", "", TEXT, "html"),
        ("notes.md", "text/plain", TEXT, "md"),
        ("notes.markdown", "", TEXT, "md"),
        ("notes.txt", "text/html", TEXT, "txt"),
        ("a folder/notes.of.today.md", "", TEXT, "md"),
        # then the declared type
        ("", "application/msword", OLE, "doc"),
        ("", "application/vnd.ms-excel", OLE, "xls"),
        ("upload", "text/csv; charset=utf-8", TEXT, "csv"),
        ("upload", "Application/CSV", TEXT, "csv"),
        ("upload", "application/xhtml+xml", TEXT, "html"),
        ("upload", "text/x-markdown", TEXT, "md"),
        ("md", "", TEXT, "txt"),
        # then what it looks like
        ("main.py", "text/x-python", b"print('\x1b[1m')\r\n\tpass", "txt"),
        ("", "application/octet-stream", TEXT, "txt"),
        ("latin1.csv", "", b"Jos\xe9;41", "csv"),
        ("empty.txt", "", b"", "txt"),
        # what it is not
        ("report.pdf", "application/pdf", TEXT, None),
        ("report.docx", DOCX, TEXT, None),
        ("report.docx", "", OLE, None),
        ("report.doc", "", TEXT, None),
        ("notes.txt", "text/plain", b"\xff\xfeh\0i\0", None),
        ("data.bin", "", b"\x7fELF\x02\x01\x01\0", None),
        ("slides.pptx", "", zipped(b"ppt/presentation.xml"), None),
    ],
)
def test_document_format(name: str, media_type: str, head: bytes, wanted: str | None) -> None:
    assert document_format(name, media_type, head) == wanted


@pytest.mark.parametrize("size", [(1, 1), (640, 480), (8000, 3), (16_383, 16_383)])
def test_dimensions(size: tuple[int, int]) -> None:
    fill, restart, app = b"\xff\xff", b"\xff\xd0", segment(0xE1, b"Exif" + bytes(3000))
    tables = segment(0xC4, bytes(30)) + segment(0xC8, bytes(3)) + segment(0xCC, bytes(3))
    for data in (
        png(*size),
        gif(*size),
        lossy(*size),
        lossless(*size),
        extended(*size),
        jpeg(frame_header(*size)),
        jpeg(frame_header(*size, marker=0xC2)),
        jpeg(frame_header(*size, marker=0xCF)),
        jpeg(app, fill, app, restart, b"\xff\x01", tables, frame_header(*size)),
    ):
        assert dimensions(data) == size
        assert dimensions(data + b"more" * 20) == size
        assert base64_dimensions(encode(data)) == size


def test_dimensions_beyond_16_bits() -> None:
    assert dimensions(png(70_000, 2**31 - 1)) == (70_000, 2**31 - 1)
    assert dimensions(extended(2**24, 70_000)) == (2**24, 70_000)


def test_lossy_webp_has_a_scale_in_the_upper_bits() -> None:
    assert dimensions(lossy(640 | 1 << 14, 480 | 2 << 14)) == (640, 480)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"%PDF-1.7" + bytes(40),
        png(640, 480)[:23],
        png(640, 480).replace(b"IHDR", b"CgBI"),
        png(0, 480),
        gif(640, 480)[:9],
        gif(640, 0),
        lossy(640, 480)[:29],
        lossy(640, 480, start_code=b"\x9d\x01\x2b"),
        lossless(640, 480, signature=0x2E),
        webp(b"ALPH", bytes(30)),
        jpeg(segment(0xE0, bytes(12)), b"garbage" * 3),
        jpeg(segment(0xE0, bytes(12)), frame_header(640, 480)[:8]),
        jpeg(segment(0xDA, bytes(60_000))),
        jpeg(b"\xff\xe0\0\0" * 10),
        jpeg(frame_header(640, 0)),
    ],
)
def test_dimensions_that_are_not_there(data: bytes) -> None:
    assert dimensions(data) is None
    assert base64_dimensions(encode(data)) is None


def test_dimensions_behind_long_metadata() -> None:
    """A camera's JPEG may hold a preview and a profile in front of its own size."""
    data = jpeg(*[segment(0xE2, bytes(60_000))] * 4, frame_header(4032, 3024))
    assert base64_dimensions(encode(data)) == (4032, 3024)


# Base64


@pytest.mark.parametrize("data", [b"a", b"ab", b"abc", bytes(range(256)), b"\xfb\xef\xbe" * 9])
def test_base64(data: bytes) -> None:
    text = encode(data)
    check_base64(text, param="p")
    assert decoded_size(text) == len(data)
    assert decode_head(text) == data
    assert decode_head(text, 3) == data[:3]
    assert decode_head(text, 4) == data[:6]


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("", "empty base64-encoded bytes"),
        ("aGk", "an invalid base64-encoded value: its length, 3, is not a multiple of 4"),
        ("aGk==", "an invalid base64-encoded value: its length, 5, is not a multiple of 4"),
        ("==", "an invalid base64-encoded value: its length, 2, is not a multiple of 4"),
        ("aGk=aGk=", "an invalid base64-encoded value: '=' at position 3"),
        ("aGk=aGkA", "an invalid base64-encoded value: '=' at position 3"),
        ("a===", "an invalid base64-encoded value: '=' at position 1"),
        ("aG-_", "an invalid base64-encoded value: '-' at position 2"),
        ("aGkA\naGkA", "an invalid base64-encoded value: '\\n' at position 4"),
        (" aGk", "an invalid base64-encoded value: ' ' at position 0"),
        ("aGk%3D", "an invalid base64-encoded value: '%' at position 3"),
        ("aGé=", "an invalid base64-encoded value: 'é' at position 2"),
    ],
)
def test_broken_base64(text: str, got: str) -> None:
    message = (
        "Invalid 'messages[0].content[1].image_url.url'. Expected a base64-encoded data URL "
        f"(e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU='), but got {got}."
    )
    param = "messages[0].content[1].image_url.url"
    with pytest.raises(InvalidRequest) as error:
        check_base64(text, param=param)
    assert refusal(error) == (message, param, "invalid_value")
    with pytest.raises(InvalidRequest) as error:
        parse_data_url(f"data:image/png;base64,{text}", param=param)
    assert refusal(error) == (message, param, "invalid_value")


# Data URLs


@pytest.mark.parametrize(
    ("text", "media_type"),
    [
        ("data:image/png;base64,aGk=", "image/png"),
        ("DATA:Image/PNG;Base64,aGk=", "image/png"),
        ("data:text/plain;charset=utf-8;base64,aGk=", "text/plain"),
        ("data:application/pdf;name=a%2Cb.pdf;base64,aGk=", "application/pdf"),
        ("data: image/png ; base64,aGk=", "image/png"),
        ("data:;base64,aGk=", ""),
    ],
)
def test_data_url(text: str, media_type: str) -> None:
    assert is_data_url(text)
    assert parse_data_url(text, param="p") == DataUrl(media_type, "aGk=")


@pytest.mark.parametrize(
    "text",
    [
        "data:image/png,aGk=",
        "data:base64,aGk=",
        "data:image/png;base64",
        "data:image/png;base64;charset=utf-8,aGk=",
        "data:" + "x" * 2_000 + ";base64,aGk=",
        "data:",
        "datum:image/png;base64,aGk=",
        "https://example.com/a;base64,aGk=",
        "aGk=",
        ",",
        "",
    ],
)
def test_no_base64_data_url(text: str) -> None:
    with pytest.raises(
        InvalidRequest, match=r"^Invalid 'p'\. Expected a base64-encoded data URL .* got something else\.$"
    ):
        parse_data_url(text, param="p")


@pytest.mark.parametrize("text", ["https://example.com/a.png", "data", "aGk=", ""])
def test_is_no_data_url(text: str) -> None:
    assert not is_data_url(text)


def test_image_is_what_its_bytes_say() -> None:
    text = encode(png(3, 4))
    assert read_image(f"data:image/jpg;base64,{text}", param="p") == DataUrl("image/png", text)
    assert read_image(f"data:;base64,{text}", param="p") == DataUrl("image/png", text)


@pytest.mark.parametrize("data", [b"<svg/>", b"%PDF-1.7", b"\0"])
def test_unsupported_image(data: bytes) -> None:
    with pytest.raises(InvalidRequest) as error:
        read_image(f"data:image/png;base64,{encode(data)}", param="messages[0].content[0].image_url.url")
    assert refusal(error) == (
        "You uploaded an unsupported image. Please make sure your image has of one the following formats: "
        "['png', 'jpeg', 'gif', 'webp'].",
        "messages[0].content[0].image_url.url",
        "invalid_image_format",
    )


def test_document() -> None:
    pdf, text = encode(b"%PDF-1.7\n"), encode(TEXT)
    assert read_document(f"data:;base64,{pdf}", "", param="p") == DataUrl("application/pdf", pdf)
    assert read_document(pdf, "a.pdf", param="p") == DataUrl("application/pdf", pdf)
    assert read_document(f"data:text/csv;base64,{text}", "", param="p") == DataUrl("text/csv", text)
    assert read_document(text, "people.md", param="p") == DataUrl("text/markdown", text)


def test_unsupported_document() -> None:
    with pytest.raises(InvalidRequest) as error:
        read_document(encode(bytes(9)), "a.bin", param="messages[0].content[0].file.file_data")
    assert refusal(error) == (
        "Invalid file data: 'messages[0].content[0].file.file_data'. It is not, or not recognizably, a document of one of "
        "these formats: pdf, csv, doc, docx, xls, xlsx, html, txt, md.",
        "messages[0].content[0].file.file_data",
        "invalid_value",
    )


def test_broken_document() -> None:
    with pytest.raises(InvalidRequest, match="empty base64-encoded bytes"):
        read_document("", "a.pdf", param="p")
    with pytest.raises(InvalidRequest, match="'-' at position 0"):
        read_document("data:application/pdf;base64,----", "a.pdf", param="p")


def test_tens_of_megabytes() -> None:
    """The whole of it is checked: a fault in the last group is found."""
    text = "A" * 20_000_000
    assert decoded_size(parse_data_url(f"data:image/png;base64,{text}", param="p").base64_text) == 15_000_000
    with pytest.raises(InvalidRequest, match="at position 19999998"):
        check_base64(f"{text[:-2]}*A", param="p")
