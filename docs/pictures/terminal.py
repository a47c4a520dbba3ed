#!/usr/bin/env python3
"""What a terminal shows, with its colours (standard input), as an SVG picture: terminal.py light|dark."""
import re
import sys
from html import escape

CELL, LINE, SIZE, PAD = 8.0, 18.0, 13.3, 16.0
NARROWEST = 80
THEMES = {
    "light": ("#f6f8fa", "#24292f", "#d0d7de",
              ["#24292f", "#b3261e", "#1a7f37", "#8a6100", "#0a58c2", "#8250df", "#0d7380", "#57606a",
               "#6e7781", "#b3261e", "#1a7f37", "#8a6100", "#0a58c2", "#8250df", "#0d7380", "#24292f"]),
    "dark": ("#11161c", "#e3e8ee", "#2b3540",
             ["#2b3540", "#f0846a", "#6cc592", "#e0b95c", "#6fa8e6", "#c49bf0", "#62c4cf", "#c9d1da",
              "#5b6875", "#f0846a", "#6cc592", "#e0b95c", "#6fa8e6", "#c49bf0", "#62c4cf", "#ffffff"]),
}
# The arms of a box-drawing character: up, down, left, right.
ARMS = {"─": "lr", "│": "ud", "└": "ur", "┌": "dr", "┐": "dl", "┘": "ul", "├": "udr", "┤": "udl", "┬": "lrd",
        "┴": "lru", "┼": "udlr"}
SHADES = {"░": 0.25, "▒": 0.5, "▓": 0.75}
# Where Unicode's eight dots of a braille character lie: column, row.
DOTS = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
PLAIN = {"fore": None, "back": None, "bold": False, "dim": False, "italic": False, "under": False, "swap": False}


def indexed(number, palette):
    """The colour of xterm's 256 by its number."""
    if number < 16:
        return palette[number]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    levels = (0, 95, 135, 175, 215, 255)
    number -= 16
    return "#" + "".join(f"{levels[number // by % 6]:02x}" for by in (36, 6, 1))


def styled(style, codes, palette):
    """The style after the codes of one SGR sequence (ECMA-48, 8.3.117)."""
    style, codes = dict(style), [int(code or 0) for code in re.split("[;:]", codes)]
    on = {1: "bold", 2: "dim", 3: "italic", 4: "under", 7: "swap"}
    off = {22: ("bold", "dim"), 23: ("italic",), 24: ("under",), 27: ("swap",)}
    while codes:
        code = codes.pop(0)
        if code == 0:
            style = dict(PLAIN)
        elif code in on:
            style[on[code]] = True
        elif code in off:
            style.update({name: False for name in off[code]})
        elif code in (39, 49):
            style["fore" if code == 39 else "back"] = None
        elif code in (38, 48):
            kind = codes.pop(0)
            colour = indexed(codes.pop(0), palette) if kind == 5 else "#" + "".join(f"{codes.pop(0):02x}" for _ in range(3))
            style["fore" if code == 38 else "back"] = colour
        else:
            for first, where, start in ((30, "fore", 0), (40, "back", 0), (90, "fore", 8), (100, "back", 8)):
                if first <= code < first + 8:
                    style[where] = palette[start + code - first]
    return style


def cells(line, palette):
    """The characters of a line, each with its style."""
    style, out = dict(PLAIN), []
    for part in re.split(r"(\x1b\[[0-9;:]*m)", line):
        if part.startswith("\x1b["):
            style = styled(style, part[2:-1], palette)
        else:
            out += [(letter, style) for letter in part]
    return out


def drawn(letter, x, y):
    """A block, a box line or a braille character as a path: fonts lack them or leave gaps. Of other letters nothing."""
    code = ord(letter)
    if 0x2581 <= code <= 0x2588:
        high = LINE * (code - 0x2580) / 8
        return f"M{x:g} {y + LINE - high:g}h{CELL:g}v{high:g}h-{CELL:g}z"
    if letter in SHADES:
        return f"M{x:g} {y:g}h{CELL:g}v{LINE:g}h-{CELL:g}z"
    if letter in ARMS:
        ends = {"u": (0, -LINE / 2), "d": (0, LINE / 2), "l": (-CELL / 2, 0), "r": (CELL / 2, 0)}
        return "".join(f"M{x + CELL / 2:g} {y + LINE / 2:g}l{a:g} {b:g}" for a, b in (ends[arm] for arm in ARMS[letter]))
    if 0x2800 <= code <= 0x28FF:
        return "".join(f"M{x + 1.2 + column * 4:g} {y + 1.4 + row * 4.5:g}h1.7v1.7h-1.7z"
                       for bit, (column, row) in enumerate(DOTS) if code >> bit & 1)
    return None


def kind(letter):
    """How a letter is drawn: `text`, `arms` (lines), `shape`, or a shape of so much opacity."""
    return "arms" if letter in ARMS else SHADES.get(letter, "shape") if drawn(letter, 0, 0) is not None else "text"


def runs(line):
    """Stretches of a line that are drawn alike: where they begin, their text, style and kind."""
    out = []
    for column, (letter, style) in enumerate(line):
        what = kind(letter)
        if out and out[-1][2] == style and out[-1][3] == what:
            out[-1][1] += letter
        else:
            out.append([column, letter, style, what])
    return out


def picture(text, theme):
    back, ink, edge, palette = THEMES[theme]
    lines = [cells(line, palette) for line in text.rstrip("\n").split("\n")]
    width = max(NARROWEST, *map(len, lines)) * CELL + 2 * PAD
    height = len(lines) * LINE + 2 * PAD
    body = []
    for row, line in enumerate(lines):
        y = PAD + row * LINE
        for column, text, style, what in runs(line):
            x = PAD + column * CELL
            fore, behind = style["fore"] or ink, style["back"]
            if style["swap"]:
                fore, behind = behind or back, fore
            if behind:
                body.append(f'<path fill="{behind}" d="M{x:g} {y:g}h{len(text) * CELL:g}v{LINE:g}h-{len(text) * CELL:g}z"/>')
            look = f' opacity="{0.62 if theme == "dark" else 0.7}"' if style["dim"] else ""
            if what == "text":
                body += words(text, x, y, fore, look, style)
                continue
            shape = "".join(drawn(letter, x + at * CELL, y) for at, letter in enumerate(text))
            if isinstance(what, float):
                look = f' opacity="{what * (0.62 if style["dim"] else 1):g}"'
            paint = f'fill="none" stroke="{fore}"' if what == "arms" else f'fill="{fore}"'
            if shape:
                body.append(f'<path {paint}{look} d="{shape}"/>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}">\n'
            f'<rect x=".5" y=".5" width="{width - 1:g}" height="{height - 1:g}" rx="8" fill="{back}" stroke="{edge}"/>\n'
            f'<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace" font-size="{SIZE}">\n'
            + "\n".join(body) + "\n</g>\n</svg>\n")


def words(text, x, y, fore, look, style):
    """The words of a stretch, each as wide as its cells, whatever font there is."""
    look += ' font-weight="600"' if style["bold"] else ""
    look += ' font-style="italic"' if style["italic"] else ""
    look += ' text-decoration="underline"' if style["under"] else ""
    for word in re.finditer(r"\S+(?: \S+)*", text):
        wide = len(word.group()) * CELL
        yield (f'<text x="{x + word.start() * CELL:g}" y="{y + LINE * 0.74:g}" textLength="{wide:g}" '
               f'lengthAdjust="spacingAndGlyphs" fill="{fore}"{look}>{escape(word.group())}</text>')


if __name__ == "__main__":
    sys.stdout.write(picture(sys.stdin.read(), sys.argv[1]))
