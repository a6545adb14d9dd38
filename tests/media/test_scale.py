from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from struct import pack
from typing import Any
from zlib import compress, crc32

import pytest

from proxy.errors import InvalidRequest
from proxy.media.kinds import dimensions, sniff
from proxy.media.scale import fits, is_available, scale, too_large

PARAM = "messages[0].content[1].image_url.url"
RED, GREEN, BLUE, WHITE, BLACK = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def png(width: int, height: int) -> bytes:
    """A black one, without a library."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return pack(">I", len(content)) + kind + content + pack(">I", crc32(kind + content))

    header = chunk(b"IHDR", pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", compress(bytes((width + 1) * height))) + chunk(b"IEND", b"")


def refusal(data: bytes, *, max_bytes: int = 1_000_000, max_side: int = 8_000, **options: int) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as error:
        scale(data, max_bytes=max_bytes, max_side=max_side, param=PARAM, **options)
    assert error.value.param == PARAM
    return error.value


BROKEN = (
    f"Invalid '{PARAM}'. The image data you provided does not represent a valid image. Please check your input and try "
    "again."
)

# Without Pillow


@pytest.fixture
def without_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "PIL"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "PIL", None)


@pytest.mark.parametrize(
    ("size_bytes", "sides", "wanted"),
    [
        (100, (10, 20), True),
        (101, (10, 20), False),
        (100, (21, 1), False),
        (100, (1, 21), False),
        (100, None, True),
        (101, None, False),
    ],
)
def test_fits(size_bytes: int, sides: tuple[int, int] | None, wanted: bool) -> None:
    assert fits(size_bytes, sides, max_bytes=100, max_side=20) is wanted


def test_the_module_needs_no_pillow() -> None:
    script = "import sys; sys.modules['PIL'] = None; from proxy.media.scale import is_available; print(is_available())"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "False\n"


@pytest.mark.usefixtures("without_pillow")
def test_what_fits_needs_no_pillow() -> None:
    assert not is_available()
    data = png(30, 20)
    assert scale(data, max_bytes=len(data), max_side=30, param=PARAM) == (data, "image/png")


@pytest.mark.usefixtures("without_pillow")
def test_what_does_not_fit_is_refused_with_the_limit() -> None:
    data = png(300, 200)
    error = refusal(data, max_bytes=3_750_000, max_side=299)
    assert error.code == "image_too_large"
    assert error.message == (
        f"Invalid '{PARAM}'. The image is too large for this model: it has {len(data)} bytes and 300 x 200 pixels, where at "
        "most 3750000 bytes and 299 pixels a side are possible."
    )
    assert refusal(data, max_bytes=len(data) - 1).code == "image_too_large"


def test_refusal_of_an_image_of_unknown_sides() -> None:
    error = too_large(12, None, max_bytes=10, max_side=20, param=PARAM)
    assert "it has 12 bytes, where at most 10 bytes and 20 pixels a side are possible." in error.message


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7", b"<svg/>"])
def test_no_image(data: bytes) -> None:
    assert (refusal(data).message, refusal(data).code) == (BROKEN, "invalid_value")


# With Pillow

needs_pillow = pytest.mark.skipif(not is_available(), reason="Pillow is optional and not installed")
if is_available():
    from PIL import Image, ImageDraw
    from PIL.PngImagePlugin import PngInfo


def encode(image: Image.Image, format: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def decode(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


def quarters(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Red and green above blue and white."""
    image = Image.new("RGB", (width, height), RED)
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height // 2 - 1), GREEN)
    draw.rectangle((0, height // 2, width // 2 - 1, height), BLUE)
    draw.rectangle((width // 2, height // 2, width, height), WHITE)
    return image.convert(mode)


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours near the four corners, each channel full or not at all."""
    plain, (width, height) = image.convert("RGB"), image.size
    places = [(x, y) for y in (height // 4, height * 3 // 4) for x in (width // 4, width * 3 // 4)]
    return [tuple(255 if channel > 127 else 0 for channel in plain.getpixel(place)) for place in places]  # type: ignore[union-attr]


def black_and_white(mode: str) -> Image.Image:
    """The left half nearly black, the right half nearly white."""
    if mode == "I;16":
        return Image.frombytes(mode, (200, 100), (pack("<H", 1_000) * 100 + pack("<H", 60_000) * 100) * 100)
    image = Image.new("L", (200, 100), 255)
    image.paste(0, (0, 0, 100, 100))
    return image.convert(mode)


def noise(width: int, height: int) -> Image.Image:
    """What no format makes small."""
    return Image.merge("RGB", [Image.effect_noise((width, height), 90) for _ in range(3)])


@needs_pillow
@pytest.mark.parametrize(
    ("format", "mode", "media_type"),
    [
        ("PNG", "RGB", "image/png"),
        ("PNG", "P", "image/png"),
        ("GIF", "P", "image/png"),
        ("JPEG", "RGB", "image/jpeg"),
        ("JPEG", "CMYK", "image/jpeg"),
        ("WEBP", "RGB", "image/jpeg"),
    ],
)
@pytest.mark.parametrize(("size", "wanted"), [((400, 200), (100, 50)), ((200, 400), (50, 100)), ((101, 90), (100, 89))])
def test_sides(format: str, mode: str, media_type: str, size: tuple[int, int], wanted: tuple[int, int]) -> None:
    data = encode(quarters(*size, mode), format)
    scaled, found = scale(data, max_bytes=1_000_000, max_side=100, param=PARAM)
    assert (found, sniff(scaled), dimensions(scaled)) == (media_type, media_type, wanted)
    assert corners(decode(scaled)) == [RED, GREEN, BLUE, WHITE]


@needs_pillow
def test_sides_at_the_limit_stay() -> None:
    data = encode(quarters(100, 50), "JPEG")
    assert scale(data, max_bytes=1_000_000, max_side=100, param=PARAM) == (data, "image/jpeg")


@needs_pillow
def test_a_very_long_image_keeps_a_pixel() -> None:
    scaled, _ = scale(encode(quarters(3_000, 4), "PNG"), max_bytes=1_000_000, max_side=100, param=PARAM)
    assert dimensions(scaled) == (100, 1)


@needs_pillow
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_bytes(format: str) -> None:
    options = {"quality": 100} if format == "JPEG" else {"lossless": True} if format == "WEBP" else {}
    data = encode(noise(400, 300), format, **options)
    for max_bytes in (len(data) - 1, len(data) // 2, len(data) // 30):
        scaled, media_type = scale(data, max_bytes=max_bytes, max_side=400, param=PARAM)
        assert len(scaled) <= max_bytes
        assert media_type == sniff(scaled)
        sides = dimensions(scaled)
        assert sides is not None
        # The aspect stays, and no more is given away than was asked for.
        assert abs(sides[0] / sides[1] - 4 / 3) < 0.05
        assert len(scaled) > max_bytes / 4


@needs_pillow
def test_png_that_is_small_enough_stays_png() -> None:
    data = encode(quarters(2_000, 1_000), "PNG")
    scaled, media_type = scale(data, max_bytes=len(data), max_side=1_000, param=PARAM)
    assert media_type == "image/png"
    assert len(scaled) <= len(data)


@needs_pillow
def test_png_that_stays_too_large_becomes_jpeg_of_the_same_size() -> None:
    data = encode(noise(400, 300), "PNG")
    scaled, media_type = scale(data, max_bytes=len(data) - 1, max_side=400, param=PARAM)
    assert (media_type, dimensions(scaled)) == ("image/jpeg", (400, 300))


@needs_pillow
def test_limit_of_bytes_that_nothing_can_keep() -> None:
    error = refusal(encode(noise(40, 30), "PNG"), max_bytes=200)
    assert error.code == "image_too_large"
    assert "where at most 200 bytes and 8000 pixels a side are possible." in error.message


@needs_pillow
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_orientation(format: str, orientation: int) -> None:
    """Stored in each of EXIF's eight ways, it is shown in one."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = quarters(200, 100)
    stored = image.transpose(back[orientation]) if orientation in back else image
    exif = Image.Exif()
    exif[0x0112] = orientation
    scaled, _ = scale(encode(stored, format, exif=exif), max_bytes=1_000_000, max_side=100, param=PARAM)
    shown = decode(scaled)
    assert shown.size == (100, 50)
    assert corners(shown) == [RED, GREEN, BLUE, WHITE]
    assert 0x0112 not in shown.getexif()


@needs_pillow
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency(mode: str) -> None:
    """Kept in a PNG; in a JPEG, white shines through."""
    image = Image.new("RGBA", (200, 100), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 99, 99), (0, 0, 0, 255))
    data = encode(image.quantize() if mode == "P" else image.convert(mode), "PNG")
    scaled, media_type = scale(data, max_bytes=1_000_000, max_side=100, param=PARAM)
    kept = decode(scaled).convert("RGBA")
    assert media_type == "image/png"
    assert kept.getpixel((20, 20)) == (0, 0, 0, 255)
    assert kept.getpixel((80, 20))[3] == 0  # type: ignore[index]

    webp = encode(image, "WEBP", lossless=True)
    scaled, media_type = scale(webp, max_bytes=1_000_000, max_side=100, param=PARAM)
    assert media_type == "image/jpeg"
    assert corners(decode(scaled)) == [BLACK, WHITE, BLACK, WHITE]


@needs_pillow
def test_metadata_stay_behind() -> None:
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    jpeg = encode(quarters(200, 100), "JPEG", exif=exif, comment=b"by whom", icc_profile=b"profile")
    info = PngInfo()
    info.add_text("Comment", "by whom")
    png = encode(quarters(200, 100), "PNG", exif=exif, pnginfo=info, icc_profile=b"profile")
    for data in (jpeg, png):
        scaled, _ = scale(data, max_bytes=1_000_000, max_side=100, param=PARAM)
        assert set(decode(scaled).info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert not decode(scaled).getexif()


@needs_pillow
@pytest.mark.parametrize(
    ("mode", "transparency", "alphas"),
    [
        ("L", 255, (255, 0)),
        ("RGB", WHITE, (255, 0)),
        ("1", 1, (255, 0)),
        ("P", 0, (0, 255)),
        ("I;16", 60_000, (255, 255)),  # Pillow forgets it with the second byte
    ],
)
def test_a_colour_that_stands_for_transparency(mode: str, transparency: Any, alphas: tuple[int, int]) -> None:
    data = encode(black_and_white(mode), "PNG", transparency=transparency)
    scaled, _ = scale(data, max_bytes=1_000_000, max_side=100, param=PARAM)
    alpha = decode(scaled).convert("RGBA").getchannel("A")
    assert (alpha.getpixel((20, 20)), alpha.getpixel((80, 20))) == alphas


@needs_pillow
@pytest.mark.parametrize("mode", ["L", "1", "I;16"])
def test_grey(mode: str) -> None:
    data = encode(black_and_white(mode), "PNG")
    scaled, media_type = scale(data, max_bytes=1_000_000, max_side=100, param=PARAM)
    assert (media_type, decode(scaled).mode) == ("image/png", "L")
    assert corners(decode(scaled)) == [BLACK, WHITE, BLACK, WHITE]


@needs_pillow
@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_animation_is_reduced_to_its_first_frame(format: str) -> None:
    frames = [quarters(200, 100), Image.new("RGB", (200, 100), BLUE), Image.new("RGB", (200, 100), RED)]
    data = encode(frames[0], format, save_all=True, append_images=frames[1:])
    scaled, _ = scale(data, max_bytes=1_000_000, max_side=100, param=PARAM)
    assert getattr(decode(scaled), "n_frames", 1) == 1
    assert corners(decode(scaled)) == [RED, GREEN, BLUE, WHITE]


@needs_pillow
def test_bomb_is_not_decoded() -> None:
    """60,000 x 60,000 pixels in a few bytes, and broken behind the header: nobody looks that far."""
    error = refusal(png(1, 1).replace(pack(">II", 1, 1), pack(">II", 60_000, 60_000)))
    assert error.code == "image_too_large"
    assert error.message == (
        f"Invalid '{PARAM}'. The image is too large to be scaled down: 60000 x 60000 pixels, where at most 50000000 in all "
        "are possible."
    )


@needs_pillow
def test_most_pixels() -> None:
    data = png(300, 200)
    assert refusal(data, max_side=100, max_pixels=59_999).code == "image_too_large"
    scaled, _ = scale(data, max_bytes=1_000_000, max_side=100, max_pixels=60_000, param=PARAM)
    assert dimensions(scaled) == (100, 67)


@needs_pillow
def test_frame_of_a_gif_that_is_larger_than_the_gif() -> None:
    data = encode(quarters(300, 200), "GIF")
    data = data[:6] + pack("<HH", 20, 10) + data[10:]
    assert dimensions(data) == (20, 10)
    assert refusal(data, max_side=15, max_pixels=59_999).message == BROKEN
    scaled, _ = scale(data, max_bytes=1_000_000, max_side=15, max_pixels=60_000, param=PARAM)
    assert dimensions(scaled) == (15, 10)


@needs_pillow
def test_bomb_in_the_frame_of_a_gif() -> None:
    screen = b"GIF89a" + pack("<HHBBB", 20, 10, 0x80, 0, 0) + bytes(6)
    assert refusal(screen + b"," + pack("<HHHHB", 0, 0, 60_000, 60_000, 0), max_side=5).message == BROKEN


@needs_pillow
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
def test_broken_image(format: str) -> None:
    data = encode(noise(200, 100), format)
    error = refusal(data[: len(data) // 2], max_side=100)
    assert (error.message, error.code) == (BROKEN, "invalid_value")


@needs_pillow
def test_image_of_unknown_sides() -> None:
    assert refusal(b"\xff\xd8\xff" + bytes(200), max_bytes=100).message == BROKEN


@needs_pillow
def test_broken_chunks_of_a_png() -> None:
    data = encode(quarters(200, 100), "PNG")
    at = data.index(b"IDAT")
    for broken in (
        data[:at] + b"I\0AT" + data[at + 4 :],
        data[: at - 4] + pack(">I", 2) + data[at:],  # a chunk that ends too early: what follows is none
        data[:11] + b"\x04" + data[12:],  # a header that is said to end too early
    ):
        assert refusal(broken, max_side=100).message == BROKEN


@needs_pillow
@pytest.mark.parametrize("header", [b"MM\0\xb0\0\0\0\x08", b"MM\0\x2a\0\0"])
def test_broken_exif_is_no_reason_to_refuse_an_image(header: bytes) -> None:
    data = encode(quarters(200, 100), "WEBP", exif=b"Exif\0\0" + header)
    scaled, _ = scale(data, max_bytes=1_000_000, max_side=100, param=PARAM)
    assert corners(decode(scaled)) == [RED, GREEN, BLUE, WHITE]


@needs_pillow
def test_formats_that_models_do_not_read_are_not_decoded() -> None:
    assert refusal(encode(quarters(200, 100), "BMP"), max_side=100).message == BROKEN
