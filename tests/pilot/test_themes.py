"""Themes: every shipped one can be read, and nothing but colours gets from a file into CSS."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator, Set
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.color import Color
from textual.theme import Theme
from textual.widgets import Static

from warroom.config.paths import shipped
from warroom.errors import SettingsError
from warroom.tui import theme as themes
from warroom.tui.base import GROUND

THEMES = {theme.name: theme for theme in themes.load_themes(shipped("themes"))}
TUI = Path(themes.__file__).parent


def least(theme: Theme) -> float:
    """The contrast each pair of a theme has to have: WCAG's AA, and AAA for the one that promises it."""
    return 7.0 if theme.name == "high-contrast" else 4.5


@pytest.fixture(params=sorted(THEMES))
def theme(request: pytest.FixtureRequest) -> Theme:
    return THEMES[request.param]


def test_the_shipped_themes_are_these() -> None:
    assert sorted(THEMES) == ["colour-blind", "dark", "high-contrast", "light"]
    assert [name for name, theme in THEMES.items() if not theme.dark] == ["light"]


@pytest.mark.parametrize(
    ("a", "b", "ratio"),
    [
        ("#000000", "#ffffff", 21),
        ("#767676", "#ffffff", 4.54),
        ("#0072b2", "#ffffff", 5.19),
        ("#abc", "#abc", 1),
    ],
)
def test_contrast_is_that_of_wcag(a: str, b: str, ratio: float) -> None:
    assert themes.contrast(a, b) == themes.contrast(b, a) == pytest.approx(ratio, abs=0.01)


def test_what_opens_before_any_theme_is_read_finds_every_variable() -> None:
    assert GROUND.variables.keys() >= set(themes.OURS)


def test_every_pair_on_the_glass_can_be_read(theme: Theme) -> None:
    weak = [f"{p.name}: {p.contrast:.2f}" for p in themes.pairs(theme) if p.contrast < least(theme)]
    assert not weak


def test_the_border_of_the_focused_pane_is_seen(theme: Theme) -> None:
    # WCAG 2.2, 1.4.11: 3:1 for what shows a state. The other borders only part the panes.
    borders = [themes.pair(theme, "border", ground).contrast for ground in themes.GROUNDS]
    assert min(borders) >= 3


def test_severities_are_told_apart_without_colour(theme: Theme) -> None:
    assert len(set(themes.SEVERITY_GLYPHS.values())) == 4
    grey = sorted(themes.luminance(theme.variables[f"sev-{name}"]) for name in themes.SEVERITY_GLYPHS)
    assert all(b - a > 0.04 for a, b in itertools.pairwise(grey))


def test_a_severity_the_playbook_invents_looks_like_its_rank() -> None:
    order = ["sev0", "sev1", "high", "sev3", "sev4", "sev5"]
    shapes = [themes.slot(name, order) for name in order]
    assert shapes == ["critical", "high", "high", "low", "low", "low"]
    assert themes.slot("gone", order) == "critical"


def test_our_example_of_a_weak_theme_would_be_caught() -> None:
    grey = Theme(**{**vars(THEMES["dark"]), "variables": {**THEMES["dark"].variables, "text-quiet": "#4a5568"}})
    assert any(p.contrast < 4.5 and "text-quiet" in p.name for p in themes.pairs(grey))


# --- files that are wrong ---------------------------------------------------------------------------------------


def broken(tmp_path: Path, change: tuple[str, str], name: str = "mine.toml") -> SettingsError:
    text = (shipped("themes") / "dark.toml").read_text()
    assert change[0] in text
    (tmp_path / name).write_text(text.replace(*change, 1))
    with pytest.raises(SettingsError) as caught:
        themes.load_themes(tmp_path)
    return caught.value


def test_a_theme_of_ones_own_is_read(tmp_path: Path) -> None:
    (tmp_path / "night-shift.toml").write_text((shipped("themes") / "dark.toml").read_text())
    assert [theme.name for theme in themes.load_themes(tmp_path)] == ["night-shift"]


def test_no_folder_means_no_themes(tmp_path: Path) -> None:
    assert themes.load_themes(tmp_path / "none") == []


def test_what_is_no_colour_is_told_by_file_and_line(tmp_path: Path) -> None:
    error = broken(tmp_path, ('primary = "#6bb2f7"', 'primary = "#6bb2f"'))
    assert error.place.endswith("mine.toml:5 primary")
    assert "colour" in error.title


@pytest.mark.parametrize("value", ["}} bad", "#fff; color: red", "auto", "$primary", "red\\u001b[2J"])
def test_no_text_of_a_file_reaches_css(tmp_path: Path, value: str) -> None:
    error = broken(tmp_path, ('key = "#8ecbff"', f'key = "{value}"'))
    assert "key must be a colour" in error.title
    assert "[variables]" not in error.place or "mine.toml" in error.place


def test_a_colour_is_written_out_again_rather_than_copied(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        (shipped("themes") / "dark.toml").read_text().replace('key = "#8ecbff"', 'key = "hsl(207,100%,78%)"')
    )
    [mine] = themes.load_themes(tmp_path)
    assert re.fullmatch("#[0-9A-F]{6}", mine.variables["key"])


def test_an_unknown_key_is_named_with_what_is_allowed(tmp_path: Path) -> None:
    error = broken(tmp_path, ("secondary =", "secundary ="))
    assert "secundary" in str(error) and "secondary" in str(error)


def test_an_unknown_variable_is_named(tmp_path: Path) -> None:
    error = broken(tmp_path, ("chip-text =", "chip-txet ="))
    assert "chip-txet" in error.title and "chip-text" in error.title


def test_a_theme_with_the_names_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    text = (shipped("themes") / "dark.toml").read_text("utf-8").replace("privacy", "curtain")
    assert "curtain-text" in text
    (tmp_path / "ours.toml").write_text(text)
    (theme,) = themes.load_themes(tmp_path)
    assert {"privacy", "privacy-text"} <= set(theme.variables) and "curtain" not in theme.variables


def test_a_missing_variable_is_named(tmp_path: Path) -> None:
    assert "missing: chip-text" in broken(tmp_path, ('chip-text = "#dbe5f1"\n', "")).title


def test_a_name_that_is_no_name_is_refused(tmp_path: Path) -> None:
    assert "named after its file" in broken(tmp_path, ("dark = true", "dark = true"), "Mine, or not.toml").title


# --- the screens' own CSS ---------------------------------------------------------------------------------------

_RULE = re.compile(r"(?P<name>[a-z-]+)\s*:\s*(?P<value>[^;{}]+);")
_VARIABLE = re.compile(r"\$([a-z][a-z0-9*-]*)")
_STYLE_WORD = r"(?:not|bold|b|dim|italic|i|underline|u|reverse|on|auto|\d+%|\$[a-z][a-z0-9*-]*|#[\da-fA-F]+)"


def css() -> Iterator[tuple[str, str]]:
    """Every CSS text of the screens, with where it stands."""
    for file in sorted(TUI.rglob("*.tcss")):
        yield file.name, file.read_text()
    for file in sorted(TUI.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(t, ast.Name) and t.id in ("CSS", "DEFAULT_CSS") for t in targets):
                    yield f"{file.name}:{node.lineno}", str(node.value.value)


def blocks(text: str) -> Iterator[dict[str, str]]:
    """The declarations of each rule, nested ones apart; ``$mine: …`` of the text put in."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    own = dict(re.findall(r"\$([a-z][\w-]*)\s*:\s*([^;{}]+);", text))
    text = re.sub(r"\$[a-z][\w-]*\s*:\s*[^;{}]+;", "", text)
    for name, value in own.items():
        text = re.sub(rf"\${re.escape(name)}(?![\w-])", value.strip(), text)
    stack: list[str] = [""]
    for part in re.split(r"([{}])", text):
        if part == "{":
            stack[-1] = stack[-1].rpartition(";")[0] + ";"
            stack.append("")
        elif part == "}":
            yield {m["name"]: m["value"].strip() for m in _RULE.finditer(stack.pop() + ";")}
        else:
            stack[-1] += part


def written(node: ast.AST) -> str:
    """The text of a string in the source, with ``*`` for what is put in when it runs."""
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part) for part in node.values)
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "*"


def styles() -> Iterator[tuple[str, str]]:
    """Strings of the screens that are a style: ``bold $key on $panel``, ``$sev-*-text on $sev-*``."""
    for file in sorted(TUI.rglob("*.py")):
        tree = ast.parse(file.read_text())
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if not isinstance(node, ast.JoinedStr | ast.Constant) or id(node) in parts:
                continue
            text = written(node)
            if "$" in text and re.fullmatch(rf"\s*(?:{_STYLE_WORD}(?:\s+|$))+", text):
                yield f"{file.name}:{node.lineno}", text


def meant(style: str, known: Set[str]) -> list[str]:
    """The styles one with ``*`` may come to, all of whose variables exist; itself if it has none."""
    if "*" not in style:
        return [style]
    first = next(name for name in _VARIABLE.findall(style) if "*" in name)
    before, _, after = first.partition("*")
    words = {n[len(before) : len(n) - len(after)] for n in known if n.startswith(before) and n.endswith(after)}
    made = [style.replace("*", word) for word in sorted(words) if word]
    return [text for text in made if known >= set(_VARIABLE.findall(text))]


def test_every_variable_the_screens_use_exists(theme: Theme) -> None:
    known = themes.variables(theme)
    used = [
        (place, name)
        for place, text in css()
        for block in blocks(text)
        for value in block.values()
        for name in _VARIABLE.findall(value)
    ]
    unknown = [f"{place}: ${name}" for place, name in used if name not in known]
    for place, style in styles():
        names = {name for text in meant(style, known.keys()) for name in _VARIABLE.findall(text)}
        unknown += [f"{place}: {style}"] if not names or names - known.keys() else []
    assert unknown == []


def weak(theme: Theme, text: str, ground: str) -> str:
    """What is wrong with a text and a ground as CSS has them, or "". Without a ground: on any of the screen's."""
    texts, grounds = _VARIABLE.findall(text), _VARIABLE.findall(ground)
    if not texts or (ground and not grounds):
        return ""
    if not ground and texts[0].endswith("-text"):
        return ""  # its badge's colour stands in another rule

    def let_through(over: Color, css: str, below: Color) -> Color:
        share = re.search(r"(\d+)%", css)
        return below.blend(over, int(share[1]) / 100) if share else over

    for name in grounds or themes.GROUNDS:
        pair = themes.pair(theme, texts[0], name)
        below = let_through(pair.ground, ground, Color.parse(theme.surface or ""))
        ratio = themes.contrast(let_through(pair.text, text, below), below)
        if ratio < least(theme):
            return f"{text} on ${name}: {ratio:.2f}"
    return ""


def test_every_colour_the_screens_put_on_another_can_be_read(theme: Theme) -> None:
    found = [
        f"{place}: {fault}"
        for place, text in css()
        for block in blocks(text)
        if (fault := weak(theme, block.get("color", ""), block.get("background", "")))
    ]
    found += [
        f"{place}: {fault}"
        for place, style in styles()
        for text in meant(style, themes.variables(theme).keys())
        if (fault := weak(theme, *([*text.split(" on "), ""][:2])))
    ]
    assert found == []


def test_a_style_put_together_at_run_time_is_read_too() -> None:
    known = themes.variables(THEMES["dark"]).keys()
    assert len(meant("$sev-*-text on $sev-* bold", known)) == 4
    assert meant("$sve-*", known) == []
    assert weak(THEMES["dark"], "$sev-low", "$sev-medium-text") and not weak(THEMES["dark"], "$key", "$panel")


def test_the_reader_of_css_sees_what_is_wrong() -> None:
    text = "$mine: $sev-low; A { color: $text-quiet; &:focus { color: $border-blurred; background: $mine 50%; } }"
    faults = [weak(THEMES["dark"], b.get("color", ""), b.get("background", "")) for b in blocks(text)]
    assert [bool(fault) for fault in faults] == [True, False]


class SingleScreenApp(App[None]):
    """One widget that uses every variable of ours."""

    CSS = "Static { color: $text-quiet; background: $surface-quiet; }" + "".join(
        f" #{name} {{ background: ${name}; color: ${text}; }}" for name, text in themes.BADGES.items()
    )

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return dict(THEMES["dark"].variables)

    def compose(self) -> ComposeResult:
        for name in themes.BADGES:
            yield Static(name, id=name)


@pytest.mark.anyio
async def test_textual_takes_every_theme() -> None:
    app = SingleScreenApp()
    for theme in THEMES.values():
        app.register_theme(theme)
    async with app.run_test() as pilot:
        for theme in THEMES.values():
            app.theme = theme.name
            await pilot.pause()
            seen = app.query_one("#sev-critical").styles.background.hex
            assert seen == theme.variables["sev-critical"]
