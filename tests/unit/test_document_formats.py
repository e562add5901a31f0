"""A post-mortem's Markdown as Confluence and Notion write it: text from outside stays text."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from warroom.connect.documents.confluence import storage_format
from warroom.connect.documents.notion import notion_markdown
from warroom.reports import render

HOSTILE = st.lists(
    st.sampled_from(
        [
            *("]]>", "<![CDATA[", "&lt;", "&#60;", "@everyone", "<script>alert(1)</script>", "<ac:macro>", "$x$"),
            *("<mention-user url='x'/>", "[a](javascript:b)", "![i](https://x.example/i.png)", "{color=red}", "|"),
            *("\n", "# h", "- ", "1. ", "> ", "\\", "a", " ", "\t", "_b_", "**", "<!--", "{{", "```", "`", "~~"),
            *("\x00", "\ufffe", "\u202e", "^"),
        ]
    ),
    max_size=14,
).map("".join)


def post_mortem(text: str) -> str:
    """A document in which people and log lines say ``text``, escaped as the post-mortem does it."""
    line, prose = render.escape(text), render.escape_prose(text)
    return f"# {line}\n\n{prose}\n\n- **12:00** note: {line}\n- [ ] A1 {line}\n\n| A |\n| --- |\n| {line} |\n"


def _bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


@settings(max_examples=150)
@given(HOSTILE)
def test_in_confluence_text_from_outside_is_text(text: str) -> None:
    value = storage_format(post_mortem(text))
    tree = ElementTree.fromstring(f"<x>{value}</x>")  # well-formed: no entity, every element closed
    tags = {one.tag for one in tree.iter()}
    assert tags <= {
        *("x", "p", "ul", "ol", "li", "strong", "em", "code", "pre", "br", "hr", "blockquote"),
        *("table", "thead", "tbody", "tr", "th", "td"),
    }, "no link, image, macro or heading from outside"
    assert all(set(one.attrib) <= {"start"} for one in tree.iter())


@settings(max_examples=150)
@given(HOSTILE)
def test_in_notion_text_from_outside_is_text(text: str) -> None:
    written = notion_markdown(post_mortem(text))
    ours = re.sub(
        r'^<table header-row="true">$|^</?(table|tr)>$|^<td>|</td>$|<br>', "", written, flags=re.MULTILINE
    )
    in_words = re.sub(r"(?ms)^(`{3,})plain text$.*?^\1$|`[^`\n]*`|\\.", "", ours)
    assert not re.search(r"[<>{}$^|~\[]", re.sub(r"(?m)^\t*> |^\t*- \[[ x]\] ", "", in_words)), in_words
    headings = [line for line in in_words.splitlines() if re.match(r"\t*#", line)]
    assert not headings, "the title is the page's own"


@given(st.text(alphabet="abc_-*`<>[]{}$|~^\\#.1 ", max_size=30))
def test_in_notion_the_words_are_what_people_wrote(text: str) -> None:
    markdown = f"para {render.escape(text)} end"
    words = re.sub(r"\\(.)", r"\1", notion_markdown(markdown))
    assert _bare(words) == _bare(f"para {' '.join(text.split())} end")


def test_a_post_mortem_keeps_its_shape_in_notion() -> None:
    text = "# T\n\n## Timeline\n\n- **12:00** note: a\n  - b\n- [x] A1 done\n\n| A | B |\n|---|---|\n| 1 | 2 |\n"
    assert notion_markdown(text).splitlines() == [
        *("## Timeline", "- **12:00** note: a", "\t- b", "- [x] A1 done"),
        *('<table header-row="true">', "<tr>", "<td>A</td>", "<td>B</td>", "</tr>"),
        *("<tr>", "<td>1</td>", "<td>2</td>", "</tr>", "</table>"),
    ]
