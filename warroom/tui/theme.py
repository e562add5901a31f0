"""Themes: TOML files → Textual themes, our CSS variables, and the contrast of every pair. Knows no widget.

Every colour is parsed before it may reach CSS, because Textual pastes variables in unchecked, and what
gets there is the parsed colour written out again, never the text of the file.

Our variables come in two sorts. A *ground* has its own text colour, ``$sev-high`` and ``$sev-high-text``:
use them together, as a badge or a bar. The rest are text colours for the grounds of the screen
(``$background``, ``$surface``, ``$panel``, ``$surface-quiet``), or one of those grounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from textual.color import Color, ColorParseError
from textual.design import ColorSystem
from textual.theme import Theme

from warroom import toml
from warroom.config.paths import shown
from warroom.errors import SettingsError

SEVERITY_GLYPHS = {"critical": "●", "high": "▲", "medium": "■", "low": "○"}
"""One cell in every terminal, different without colour. The severity's name is always beside it."""

BADGES = {
    **{f"sev-{slot}": f"sev-{slot}-text" for slot in SEVERITY_GLYPHS},
    "status-ok": "status-ok-text",
    "status-late": "status-late-text",
    "status-overdue": "status-overdue-text",
    "chip": "chip-text",
    "privacy": "privacy-text",
}
"""Our backgrounds, each with the text that is shown on it."""

TEXTS = ("text-quiet", "key")
"""Text colours of ours, for any of ``GROUNDS``."""

GROUNDS = ("background", "surface", "panel", "surface-quiet")
"""What the screen is painted with, under everything that is no badge."""

OURS = (*BADGES, *BADGES.values(), *TEXTS, "surface-quiet")
"""Every variable a theme file has to give."""

_TEXTUAL_TEXTS = (
    "foreground",
    "text-muted",
    "text-disabled",
    "text-primary",
    "text-secondary",
    "text-accent",
    "text-success",
    "text-warning",
    "text-error",
)
_TEXTUAL_PAIRS = (
    ("block-cursor-foreground", "block-cursor-background"),
    ("block-cursor-blurred-foreground", "block-cursor-blurred-background"),
    ("input-cursor-foreground", "input-cursor-background"),
    ("input-selection-foreground", "input-selection-background"),
    ("screen-selection-foreground", "screen-selection-background"),
    ("footer-foreground", "footer-background"),
    ("footer-key-foreground", "footer-background"),
)

_FORMER_NAMES = {"curtain": "privacy", "curtain-text": "privacy-text"}
"""Variables of earlier versions that a team's own theme may still have."""

_TEXTUAL = tuple(ColorSystem(primary="#808080").generate())
_STYLE = re.compile(r"none|(?:(?:not )?(?:bold|italic|underline|reverse)(?: |$))+")


class Pair(NamedTuple):
    """A text colour and its background, both opaque."""

    name: str
    text: Color
    ground: Color

    @property
    def contrast(self) -> float:
        """See ``contrast``."""
        return contrast(self.text, self.ground)


def _colour(value: str) -> str:
    try:
        return Color.parse(value).hex
    except (ColorParseError, ValueError):
        raise ValueError('must be a colour: "#rrggbb", "rgb(r,g,b)", "hsl(h,s%,l%)" or a CSS name') from None


def _variables(values: dict[str, str]) -> dict[str, str]:
    parsed = {}
    for given, value in values.items():
        name = _FORMER_NAMES.get(given, given)
        if name not in OURS and name not in _TEXTUAL:
            raise ValueError(f'unknown variable "{toml.plain(name)}". {toml.allowed(OURS, name)}')
        if name.endswith("-style") or "-style-" in name:
            if not _STYLE.fullmatch(value):
                raise ValueError(f"{name} must be made of bold, italic, underline, reverse, not; or be none")
            parsed[name] = value
        else:
            try:
                parsed[name] = _colour(value)
            except ValueError as error:
                raise ValueError(f"{name} {error}") from None
    if missing := [name for name in OURS if name not in parsed]:
        raise ValueError(f"missing: {', '.join(missing)}")
    return parsed


Colour = Annotated[str, AfterValidator(_colour)]


class _ThemeFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    dark: bool
    primary: Colour
    secondary: Colour
    warning: Colour
    error: Colour
    success: Colour
    accent: Colour
    foreground: Colour
    background: Colour
    surface: Colour
    panel: Colour
    luminosity_spread: float = Field(default=0.15, ge=0, le=1)
    variables: Annotated[dict[str, str], AfterValidator(_variables)]


def load_themes(folder: Path) -> list[Theme]:
    """Every ``*.toml`` of ``folder`` as a theme named after its file, by name; none if there is no folder.

    Raises ``SettingsError`` with file, line and key for the first file that is wrong.
    """
    return [_load(file) for file in sorted(folder.glob("*.toml"))]


def _load(file: Path) -> Theme:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,39}", file.stem):
        raise SettingsError(
            "a theme is named after its file",
            "Name it with small letters, digits and hyphens: night-shift.toml.",
            place=shown(file),
        )
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(f"cannot be read: {reason}", "Fix or remove the file.", place=str(file)) from None
    values: dict[str, Any] = toml.parse(text, _ThemeFile, shown(file)).model_dump()
    return Theme(name=file.stem, **values)


def slot(severity: str, severities: Sequence[str]) -> str:
    """Which of the four severity looks a playbook's ``severity`` gets: its own, else by its rank.

    ``severities`` are the playbook's, worst first; from the fourth on all look like the lowest.
    """
    slots = tuple(SEVERITY_GLYPHS)
    if severity in slots:
        return severity
    return slots[min(severities.index(severity), len(slots) - 1)] if severity in severities else slots[0]


def variables(theme: Theme) -> dict[str, str]:
    """Every CSS variable of ``theme``, Textual's and ours, as the app will see them."""
    return {**theme.to_color_system().generate(), **theme.variables}


def pair(theme: Theme, text: str, ground: str) -> Pair:
    """Two of the theme's variables as they will be seen, opacity and ``auto`` worked out.

    A ground that lets something through is seen on ``$surface``. Raises ``KeyError`` for no such variable.
    """
    values = variables(theme)
    below = _opaque(values[ground], Color.parse(values["surface"]))
    return Pair(f"${text} on ${ground}", _opaque(values[text], below), below)


def pairs(theme: Theme) -> Iterator[Pair]:
    """The text/background pairs in use, all of which have to be readable."""
    for ground, text in BADGES.items():
        yield pair(theme, text, ground)
    for ground in GROUNDS:
        for text in (*_TEXTUAL_TEXTS, *TEXTS):
            yield pair(theme, text, ground)
    for text, ground in _TEXTUAL_PAIRS:
        yield pair(theme, text, ground)


def contrast(a: Color | str, b: Color | str) -> float:
    """The contrast ratio of two opaque colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: Color | str) -> float:
    """Relative luminance, 0 (black) to 1 (white); the formula of WCAG 2.2, "relative luminance"."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in Color.parse(colour).normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _opaque(value: str, below: Color) -> Color:
    """A CSS colour as it is seen on ``below``; Textual's ``auto 87%`` is black or white, let through."""
    if value.startswith("auto"):
        share = float(value.removeprefix("auto").strip().removesuffix("%") or 100) / 100
        return below + below.get_contrast_text(share)
    words = value.split()
    colour = Color.parse(words[0])
    if len(words) == 2:
        colour = colour.multiply_alpha(float(words[1].removesuffix("%")) / 100)
    if colour.a == 0:  # a selection without a text colour of its own keeps the text below it
        return below + below.get_contrast_text(1)
    return below + colour
