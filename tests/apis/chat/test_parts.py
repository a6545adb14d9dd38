"""Images, files and sound among the parts of a message. Text is in test_messages.py."""

from typing import Any

import pytest

from proxy.apis.chat.parts import parse_parts
from proxy.errors import InvalidRequest
from proxy.neutral.adaptations import Adaptations
from proxy.neutral.blocks import Block, CacheMark, Document, Image, Text

PNG, PDF = "iVBORw0KGgo=", "JVBERi0xLjcK"
AT = "messages[0].content[0]"
URL = "https://example.com/a%20b.png?x=1#y"


def parsed(*parts: Any, role: str = "user") -> list[Block]:
    notes = Adaptations(is_strict=True)
    blocks = parse_parts(parts, role, "messages[0].content", notes)
    assert not notes
    return blocks


def adapted(*parts: Any) -> str:
    notes = Adaptations()
    parse_parts(parts, "user", "messages[0].content", notes)
    return notes.header()


def refused(part: Any, role: str = "user", strict: bool = False) -> tuple[str, str | None, str | None]:
    with pytest.raises(InvalidRequest) as raised:
        parse_parts([part], role, "messages[0].content", Adaptations(strict))
    return raised.value.message, raised.value.param, raised.value.code


def image(url: object, **rest: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **rest}}


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


@pytest.mark.parametrize(
    ("url", "data", "media_type"),
    [
        (f"data:image/png;base64,{PNG}", PNG, "image/png"),
        (f"DATA:image/png;base64,{PNG}", PNG, "image/png"),
        (f"data:image/jpeg;base64,{PNG}", PNG, "image/png"),
        (f"data:;base64,{PNG}", PNG, "image/png"),
        ("data:image/jpeg;base64,/9j/4AAQ", "/9j/4AAQ", "image/jpeg"),
        ("data:image/gif;base64,R0lGODlh", "R0lGODlh", "image/gif"),
        ("data:image/webp;base64,UklGRgAAAABXRUJQ", "UklGRgAAAABXRUJQ", "image/webp"),
    ],
)
def test_an_image_is_what_its_bytes_are(url: str, data: str, media_type: str) -> None:
    assert parsed(image(url)) == [Image(f"{AT}.image_url.url", data, media_type)]
    assert parsed({"type": "image_url", "image_url": url}) == [Image(f"{AT}.image_url.url", data, media_type)]
    assert parsed(image(url), role="tool") == [Image(f"{AT}.image_url.url", data, media_type)]


@pytest.mark.parametrize("url", [URL, "HTTPS://example.com", "https://"])
def test_an_image_on_the_web_is_fetched_later(url: str) -> None:
    assert parsed(image(url)) == [Image(f"{AT}.image_url.url", url=url)]


@pytest.mark.parametrize(
    "url", ["http://example.com/a.png", "ftp://example.com", "file:///etc/passwd", "/a.png", "", PNG, "https:/x"]
)
def test_an_address_that_is_none_of_the_two(url: str) -> None:
    at = f"{AT}.image_url.url"
    expected = f"Invalid '{at}': expected a data: URL or an https:// URL.", at, "invalid_image_url"
    assert refused(image(url)) == expected


def test_an_image_that_is_none() -> None:
    at = f"{AT}.image_url.url"
    message, param, code = refused(image("data:image/png;base64,SGVsbG8="))
    assert message.startswith("You uploaded an unsupported image. ")
    assert (param, code) == (at, "invalid_image_format")
    for url in ("data:image/png;base64,", "data:image/png;base64,!!", "data:image/png,x", "data:"):
        assert refused(image(url))[1:] == (at, "invalid_value")


def test_the_detail_of_an_image() -> None:
    assert parsed(image(URL, detail="auto")) == parsed(image(URL, detail=None)) == parsed(image(URL))
    for detail in ("low", "high", "original"):
        assert adapted(image(URL, detail=detail)) == f"{AT}.image_url.detail=dropped"
    assert refused(image(URL, detail="low"), strict=True)[1:] == (f"{AT}.image_url.detail", "unsupported_parameter")
    assert refused(image(URL, detail="best")) == (
        "Invalid value: 'best'. Supported values are: 'auto', 'low', 'high', and 'original'.",
        f"{AT}.image_url.detail",
        "invalid_value",
    )


@pytest.mark.parametrize(
    ("fields", "data", "media_type", "name"),
    [
        ({"file_data": PDF}, PDF, "application/pdf", ""),
        ({"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"}, PDF, "application/pdf", "a.pdf"),
        ({"file_data": f"data:text/plain;base64,{PDF}", "filename": "a.txt"}, PDF, "application/pdf", "a.txt"),
        ({"file_data": "IyBIaQ==", "filename": "a.MD"}, "IyBIaQ==", "text/markdown", "a.MD"),
        ({"file_data": "YSxi", "filename": None, "file_id": None}, "YSxi", "text/plain", ""),
        ({"file_data": "data:text/csv;base64,YSxi", "file_id": ""}, "YSxi", "text/csv", ""),
    ],
)
def test_a_file(fields: dict[str, Any], data: str, media_type: str, name: str) -> None:
    assert parsed(file(**fields)) == [Document(f"{AT}.file.file_data", data, media_type, name)]


def test_a_file_on_the_web_is_fetched_later() -> None:
    for url in (URL, "HTTPS://example.com/a.pdf"):
        document = Document(f"{AT}.file.file_data", name="a.pdf", url=url)
        assert parsed(file(file_data=url, filename="a.pdf")) == [document]
    for url in ("http://example.com/a.pdf", "ftp://example.com", "s3://bucket"):
        at = f"{AT}.file.file_data"
        expected = f"Invalid '{at}': expected a data: URL or an https:// URL.", at, "invalid_value"
        assert refused(file(file_data=url)) == expected


@pytest.mark.parametrize("data", ["", "!", "SGVsbG8", "AAEC", "data:application/pdf;base64,", "data:text/plain,Hello"])
def test_a_file_that_is_none(data: str) -> None:
    assert refused(file(file_data=data))[1:] == (f"{AT}.file.file_data", "invalid_value")


def test_a_stored_file() -> None:
    assert refused(file(file_id="file-1")) == (
        f"Unsupported value: '{AT}.file.file_id' is not supported: files are not stored here. Send 'file_data'.",
        f"{AT}.file.file_id",
        "unsupported_value",
    )


def test_sound_is_no_part_of_this() -> None:
    part = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    assert refused(part) == (
        f"Unsupported value: '{AT}' does not support 'input_audio' with this model.",
        AT,
        "unsupported_value",
    )


@pytest.mark.parametrize(
    ("part", "place", "code"),
    [
        ({"type": "image_url"}, ".image_url", "missing_required_parameter"),
        ({"type": "image_url", "image_url": 1}, ".image_url", "invalid_type"),
        (image(None), ".image_url.url", "missing_required_parameter"),
        (image(1), ".image_url.url", "invalid_type"),
        (image(URL, detail=1), ".image_url.detail", "invalid_type"),
        ({"type": "file"}, ".file", "missing_required_parameter"),
        ({"type": "file", "file": PDF}, ".file", "invalid_type"),
        (file(), ".file.file_data", "missing_required_parameter"),
        (file(filename="a.pdf"), ".file.file_data", "missing_required_parameter"),
        (file(file_data=1), ".file.file_data", "invalid_type"),
        (file(file_data=PDF, filename=1), ".file.filename", "invalid_type"),
        (file(file_data=PDF, file_id=1), ".file.file_id", "invalid_type"),
    ],
    ids=str,
)
def test_a_part_of_the_wrong_shape(part: Any, place: str, code: str) -> None:
    assert refused(part)[1:] == (AT + place, code)


@pytest.mark.parametrize(
    ("role", "kind", "listed"),
    [
        ("system", "file", "'text'"),
        ("assistant", "file", "'text' and 'refusal'"),
        ("tool", "input_audio", "'text', 'image_url', and 'file'"),
        ("tool", "tool_reference", "'text', 'image_url', and 'file'"),
        ("function", "image_url", "'text'"),
    ],
)
def test_a_part_that_its_role_does_not_have(role: str, kind: str, listed: str) -> None:
    expected = f"Invalid value: '{kind}'. Supported values are: {listed}.", f"{AT}.type", "invalid_value"
    assert refused({"type": kind, kind: {}}, role) == expected


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({**image(URL), "id": 7}, f"{AT}.id"),
        (image(URL, format="png"), f"{AT}.image_url.format"),
        (file(file_data=PDF, format="pdf"), f"{AT}.file.format"),
    ],
)
def test_unknown_keys_are_dropped_and_said(part: Any, place: str) -> None:
    assert adapted(part) == f"{place}=dropped"
    assert refused(part, strict=True) == (f"Unknown parameter: '{place}'.", place, "unknown_parameter")


def test_a_mark_stands_behind_its_part() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    assert parsed({**image(URL), **mark}, {"type": "text", "text": "x"}, {**file(file_data=PDF), **mark}) == [
        Image(f"{AT}.image_url.url", url=URL),
        CacheMark(f"{AT}.cache_control"),
        Text("x"),
        Document("messages[0].content[2].file.file_data", PDF, "application/pdf"),
        CacheMark("messages[0].content[2].cache_control"),
    ]
