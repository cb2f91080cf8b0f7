"""Lay pictures out in a grid, with a caption under each."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image, ImageDraw, ImageFont

from tools.demo_image.world import Pixels

MARGIN_PX = 10
CAPTION_LINES = 2
INK, PAPER, WARNING = (60, 60, 67), (255, 255, 255), (200, 30, 30)


@dataclass(frozen=True)
class Tile:
    """A picture, its caption and, for an evaluation, what is wrong in it."""

    pixels: Pixels
    caption: str
    wrong: list[str] = field(default_factory=list)


def contact_sheet(tiles: Sequence[Tile], columns: int, tile_px: int) -> Image.Image:
    """Draw the tiles row by row, each picture `tile_px` wide and high."""
    font_px = max(10, tile_px // 12)
    font = ImageFont.load_default(size=font_px)
    line_px = round(1.25 * font_px)
    cell_width, cell_height = tile_px + MARGIN_PX, tile_px + CAPTION_LINES * line_px + round(1.5 * MARGIN_PX)
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * cell_width + MARGIN_PX, rows * cell_height + MARGIN_PX), PAPER)
    pen = ImageDraw.Draw(sheet)
    letters = round(tile_px / (0.5 * font_px))
    for i, tile in enumerate(tiles):
        x, y = MARGIN_PX + i % columns * cell_width, MARGIN_PX + i // columns * cell_height
        picture = Image.fromarray(tile.pixels).resize((tile_px, tile_px), Image.Resampling.LANCZOS)
        sheet.paste(picture, (x, y))
        pen.rectangle((x, y, x + tile_px - 1, y + tile_px - 1), outline=(225, 225, 228))
        caption = tile.caption + (f" [{', '.join(tile.wrong)}]" if tile.wrong else "")
        for number, line in enumerate(textwrap.wrap(caption, letters)[:CAPTION_LINES]):
            top = y + tile_px + MARGIN_PX // 2 + number * line_px
            pen.text((x + tile_px / 2, top), line, fill=WARNING if tile.wrong else INK, font=font, anchor="ma")
    return sheet
