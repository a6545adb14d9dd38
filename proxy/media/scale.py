"""An image made to fit a model's limits, if Pillow is installed (it is optional).

Pure, and slow: measured up to 6 s and 16 bytes of memory a pixel, so 800 MB for one of `MAX_PIXELS`. Call it in a thread,
and few at a time.
"""

from __future__ import annotations

import importlib.util
import struct
from io import BytesIO
from math import sqrt
from typing import TYPE_CHECKING

from proxy.errors import InvalidRequest
from proxy.media.kinds import IMAGE_TYPES, dimensions, sniff

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 50_000_000
"""Of an image that is decoded at all. A small file can hold a very large image."""

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_LOSSLESS = ("image/png", "image/gif")
_QUALITY = 85
_ORIENTATION = 0x0112
"""EXIF 2.32, 4.6.5.1."""
_SMALLEST_SIDE = 16
"""Below this there is nothing left to see: then the limit of bytes cannot be kept."""


def is_available() -> bool:
    """Is Pillow installed?"""
    return importlib.util.find_spec("PIL") is not None


def fits(size_bytes: int, sides: tuple[int, int] | None, *, max_bytes: int, max_side: int) -> bool:
    """May an image go to a model as it is? One whose sides are unknown is left to the model to judge."""
    return size_bytes <= max_bytes and (sides is None or max(sides) <= max_side)


def scale(data: bytes, *, max_bytes: int, max_side: int, param: str, max_pixels: int = MAX_PIXELS) -> tuple[bytes, str]:
    """The image with at most `max_bytes` and no side longer than `max_side` pixels -> its bytes and media type.

    What fits comes back as it is. Otherwise the aspect stays, EXIF's orientation is applied, and all metadata go. PNG and
    GIF become PNG, or JPEG where a PNG is too large; JPEG and WebP become JPEG. JPEG has no transparency: white shines
    through instead. Of an animation the first frame is kept, which is all that Claude looks at (Anthropic's documentation
    of vision, 2026).

    Raises `InvalidRequest`, naming the limit, when Pillow is absent, the image is broken, has more than `max_pixels`, or
    cannot be made small enough.
    """
    sides, media_type = dimensions(data), sniff(data)
    if media_type not in IMAGE_TYPES:
        raise _broken(param)
    if fits(len(data), sides, max_bytes=max_bytes, max_side=max_side):
        return data, media_type
    if not is_available():
        raise too_large(len(data), sides, max_bytes=max_bytes, max_side=max_side, param=param)
    if sides is None:
        raise _broken(param)
    if sides[0] * sides[1] > max_pixels:
        raise InvalidRequest(
            f"Invalid '{param}'. The image is too large to be scaled down: {sides[0]} x {sides[1]} pixels, where at most "
            f"{max_pixels} in all are possible.",
            param=param,
            code="image_too_large",
        )
    image = _open(data, max_side, max_pixels, param)
    # Writing a PNG takes long, so one that would not be small enough by far is not tried: its bytes go with the area.
    expected = len(data) * image.width * image.height / (sides[0] * sides[1])
    encoded = _encode(image, media_type in _LOSSLESS and expected <= 2 * max_bytes, max_bytes)
    if encoded is None:
        raise too_large(len(data), sides, max_bytes=max_bytes, max_side=max_side, param=param)
    return encoded


def too_large(
    size_bytes: int, sides: tuple[int, int] | None, *, max_bytes: int, max_side: int, param: str
) -> InvalidRequest:
    """What to raise for an image that does not fit and is not scaled."""
    shown = f" and {sides[0]} x {sides[1]} pixels" if sides else ""
    return InvalidRequest(
        f"Invalid '{param}'. The image is too large for this model: it has {size_bytes} bytes{shown}, where at most "
        f"{max_bytes} bytes and {max_side} pixels a side are possible.",
        param=param,
        code="image_too_large",
    )


def _open(data: bytes, max_side: int, max_pixels: int, param: str) -> Image:
    """The first frame, upright, not larger than `max_side`, in grey or RGB, with or without alpha."""
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=_FORMATS) as opened:
            # What the decoder makes of it counts: a frame of a GIF can be larger than the GIF says it is.
            if opened.width * opened.height > max_pixels:
                raise _broken(param)
            # JPEG is decoded at a fraction of its size, where that is enough.
            opened.draft(None, (max_side, max_side))
            opened.load()
            image = _plain(opened)
            image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
            image = _upright(image)
            image.info.clear()  # what a camera or an editor noted: nothing for a model, and it may be long
            return image
    except (*_UNREADABLE, Image.DecompressionBombError) as error:
        raise _broken(param) from error


_UNREADABLE = (OSError, ValueError, SyntaxError, struct.error)
"""What Pillow raises for broken files, besides an error of its own."""


def _plain(image: Image) -> Image:
    """In grey, RGB or RGBA with 8 bits each. The same image, where it is that already."""
    if image.mode.startswith("I;16"):  # PNG with 16 bits: `convert` would cut off all but the darkest
        image = image.point(lambda value: value / 256).convert("L")
    wanted = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == wanted else image.convert(wanted)


def _upright(image: Image) -> Image:
    """Turned and mirrored as its EXIF asks for; as it is where that cannot be read."""
    from PIL.Image import Transpose

    try:
        orientation = image.getexif().get(_ORIENTATION)
    except _UNREADABLE:
        return image
    by_orientation = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(by_orientation[orientation]) if orientation in by_orientation else image


def _encode(image: Image, may_be_png: bool, max_bytes: int) -> tuple[bytes, str] | None:
    """As large as may be within `max_bytes`; None when not even a tiny one is."""
    if may_be_png and len(png := _written(image, "PNG")) <= max_bytes:
        return png, "image/png"
    opaque = smaller = _on_white(image)
    while len(jpeg := _written(smaller, "JPEG", quality=_QUALITY)) > max_bytes:
        # Bytes go with the area, or a little less than that.
        factor = min(0.9, 0.95 * sqrt(max_bytes / len(jpeg)))
        width, height = int(smaller.width * factor), int(smaller.height * factor)
        if max(width, height) < _SMALLEST_SIDE:
            return None
        smaller = opaque.resize((max(width, 1), max(height, 1)), reducing_gap=3.0)
    return jpeg, "image/jpeg"


def _on_white(image: Image) -> Image:
    from PIL import Image

    if image.mode != "RGBA":
        return image
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image)
    return white


def _written(image: Image, format: str, **options: int) -> bytes:
    out = BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def _broken(param: str) -> InvalidRequest:
    """In OpenAI's words, as seen in public issue threads of 2025 and 2026."""
    return InvalidRequest(
        f"Invalid '{param}'. The image data you provided does not represent a valid image. Please check your input and "
        "try again.",
        param=param,
        code="invalid_value",
    )
