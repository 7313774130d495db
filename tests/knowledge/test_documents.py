"""What is read from files of each kind."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.knowledge.pdf_files import ENCRYPTED, pdf, pdf_of_one_page_repeated
from ultimate_discord_intelligence_bot.errors import DocumentRefused
from ultimate_discord_intelligence_bot.knowledge import documents
from ultimate_discord_intelligence_bot.knowledge.documents import Content, decode, read_document
from ultimate_discord_intelligence_bot.models.knowledge import Place


def read(tmp_path: Path, name: str, data: str | bytes) -> Content:
    path = tmp_path / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_document(path)


def texts(content: Content) -> list[str]:
    return [paragraph.text for paragraph in content.paragraphs]


# -- text -------------------------------------------------------------------------------------


def test_a_text_has_paragraphs_and_lines(tmp_path: Path) -> None:
    content = read(
        tmp_path,
        "my_first-report.txt",
        "The rent rose\nby five percent.\n\n\nIt will rise again,\nthey say.\n",
    )
    assert content.title == "My first-report"
    assert texts(content) == ["The rent rose by five percent.", "It will rise again, they say."]
    assert [str(p.place) for p in content.paragraphs] == ["line 1", "line 5"]


def test_headings_and_items_do_not_run_into_the_text(tmp_path: Path) -> None:
    lines = (
        "Results of the year\nThe number of visitors grew to four million last year, which is\n"
        "more than ever before in the history of the museum.\n- Tea was sold, and coffee\n- Cake\n"
    )
    assert texts(read(tmp_path, "a.txt", lines)) == [
        "Results of the year",
        "The number of visitors grew to four million last year, which is more than ever before in "
        "the history of the museum.",
        "- Tea was sold, and coffee",
        "- Cake",
    ]


def test_a_text_with_one_line_for_each_paragraph(tmp_path: Path) -> None:
    lines = [f"Paragraph {i} has one long line that is never broken. " * 5 for i in range(4)]
    content = read(tmp_path, "a.txt", "\n".join(lines))
    assert [p.place.line for p in content.paragraphs] == [1, 2, 3, 4]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings_that_can_be_told(encoding: str) -> None:
    text = "Die Mieten in München stiegen – so die Behörde – um 5 %."
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    "data",
    [
        "Мэр заявил, что расходы составили двенадцать миллионов.".encode("cp1251"),
        "市長は昨年の費用が千二百万円だったと述べた。".encode("shift_jis"),
        "plain words".encode("utf-16-le"),
        bytes(range(256)) * 8,
    ],
)
def test_encodings_that_cannot_be_told_are_not_guessed(data: bytes) -> None:
    with pytest.raises(DocumentRefused, match="Save it as UTF-8"):
        decode(data)


def test_characters_nobody_sees_are_left_out(tmp_path: Path) -> None:
    assert texts(read(tmp_path, "a.txt", "It\u202e is\x1b[31m\u00a0so\x0c.\n")) == [
        "It is[31m so ."
    ]


# -- Markdown ---------------------------------------------------------------------------------

MARKDOWN = """\
---
title: "Rents in the city"
date: 2023-05-06
tags: [a, b]
---
# Another title

## Costs

Rents rose by **7%** in
2019, [they say](https://example.invalid/x "y").

- Flats are `dear`.

```python
print("no prose")
```

| Year | Rent |
|------|------|
| 2019 | 500  |

<div>raw</div>
"""


def test_markdown_is_read_as_a_reader_sees_it(tmp_path: Path) -> None:
    content = read(tmp_path, "rents.md", MARKDOWN)
    assert (content.title, content.date) == ("Rents in the city", date(2023, 5, 6))
    assert [(p.text, p.place) for p in content.paragraphs] == [
        ("Rents rose by 7% in 2019, they say.", Place(heading="Costs", line=10)),
        ("Flats are dear.", Place(heading="Costs", line=13)),
        ("Year | Rent", Place(heading="Costs", line=19)),
        ("2019 | 500", Place(heading="Costs", line=21)),
    ]


def test_without_front_matter_the_first_heading_is_the_title(tmp_path: Path) -> None:
    content = read(tmp_path, "a.md", "## Small\n\nx\n\n# Large\n\ny\n")
    assert content.title == "Large"


@pytest.mark.parametrize(
    "head", ["a: [b", "just words", "&a [*a]", "a: &x [1]\nb: *x", "date: 2023-99-99"]
)
def test_a_strange_head_does_no_harm(tmp_path: Path, head: str) -> None:
    content = read(tmp_path, "a.md", f"---\n{head}\n---\n\nIt is so.\n")
    assert texts(content)[-1] == "It is so."
    assert content.date is None


# -- HTML -------------------------------------------------------------------------------------

HTML = """<!doctype html><html><head><meta charset="utf-8"><title>A page &amp; more</title>
<meta property="article:published_time" content="2022-02-03T10:00:00Z">
<style>p { color: red }</style><script>var x = "<p>no</p>";</script></head><body>
<nav><ul><li>Home<li>About</ul></nav>
<h1>Tea</h1><p>Tea &amp; coffee are
 <b>hot</b>.<p>Second<br>line<br><br>Third
<h2>Sales</h2><table><tr><th>Year<th>Cups<tr><td>2019<td>500</table>
<div hidden>unseen <div>twice</div> unseen</div><ul><li>One<li>Two</ul>
<noscript>Switch it on.</noscript></body></html>"""


def test_html_is_read_as_a_reader_sees_it(tmp_path: Path) -> None:
    content = read(tmp_path, "page.html", HTML)
    assert (content.title, content.date) == ("A page & more", date(2022, 2, 3))
    assert [(p.text, p.place.heading) for p in content.paragraphs] == [
        ("Tea & coffee are hot.", "Tea"),
        ("Second line", "Tea"),
        ("Third", "Tea"),
        ("Year | Cups", "Sales"),
        ("2019 | 500", "Sales"),
        ("One", "Sales"),
        ("Two", "Sales"),
    ]


def test_a_page_says_its_encoding(tmp_path: Path) -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>Мэр сказал'
    assert texts(read(tmp_path, "a.htm", page.encode("cp1251"))) == ["Мэр сказал"]


@pytest.mark.parametrize("name", ["zip", "rot13", "idna", "utf-7", "unicode_escape", "x" * 30])
def test_an_encoding_no_page_has_is_ignored(tmp_path: Path, name: str) -> None:
    assert texts(read(tmp_path, "a.html", f"<meta charset={name}><p>Grün")) == ["Grün"]


# -- PDF --------------------------------------------------------------------------------------


def test_a_pdf_has_pages_a_title_and_a_date(tmp_path: Path) -> None:
    content = read(
        tmp_path,
        "a.pdf",
        pdf(
            ["1 Introduction", "The moon is a satel-", "lite of the Earth.", "- 3 -"],
            ["It was visited in 1969."],
            info="/Title(On the moon)/CreationDate(D:20240131120000+01'00')",
        ),
    )
    assert (content.title, content.date) == ("On the moon", date(2024, 1, 31))
    assert [(p.text, str(p.place)) for p in content.paragraphs] == [
        ("1 Introduction", "page 1"),
        ("The moon is a satellite of the Earth.", "page 1"),
        ("It was visited in 1969.", "page 2"),
    ]


def test_a_hyphen_that_belongs_to_the_word_stays(tmp_path: Path) -> None:
    lines = ["A well-known fact is well-", "known to the Anglo-", "American world."]
    content = read(tmp_path, "a.pdf", pdf(lines))
    assert texts(content) == ["A well-known fact is well-known to the Anglo-American world."]


# -- refused ----------------------------------------------------------------------------------

WHOLE = pdf(["It is so."])


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b" \n\t\n", "empty"),
        ("a.html", b"<nav>Home</nav>", "no text"),
        ("a.md", b"---\ntitle: x\n---\n", "no text"),
        ("a.txt", b"\x7fELF\x02\x01\x01" + bytes(100), "a program"),
        ("a.md", b"PK\x03\x04" + bytes(100), "a ZIP archive"),
        ("a.html", WHOLE, "a PDF"),
        ("a.txt", b"words and then\x00\x01\x02\x03\x04" * 9, "no text, or in an encoding"),
        ("a.pdf", b"PK\x03\x04" + bytes(100), "named like a PDF"),
        ("a.pdf", b"MZ" + bytes(2000), "named like a PDF"),
        ("a.pdf", b"%PDF-1.7\n" + bytes(2000), "damaged"),
        ("a.pdf", WHOLE[:150], "damaged"),
        ("a.pdf", pdf(["It is so."], trailer=ENCRYPTED), "encrypted"),
        ("a.pdf", pdf([], ["2"]), "probably a scan"),
        ("a.pdf", pdf_of_one_page_repeated(10_000), "10000 pages"),
        ("a.docx", b"words", r"\*\.docx"),
        ("noname", b"words", r"cannot be read"),
    ],
)
def test_what_is_refused_says_why(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    with pytest.raises(DocumentRefused, match=reason) as refused:
        read(tmp_path, name, data)
    assert refused.value.remedy


def test_more_than_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MOST_CHARACTERS", 20)
    long = "words " * 9
    for name, data in (("a.txt", long), ("a.html", f"<p>{long}"), ("a.pdf", pdf([long]))):
        with pytest.raises(DocumentRefused, match="more text"):
            read(tmp_path, name, data)
    monkeypatch.setattr(documents, "MOST_BYTES", 20)
    with pytest.raises(DocumentRefused, match="larger than"):
        read(tmp_path, "b.txt", long)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "target.txt").write_text("secret")
    (tmp_path / "link.txt").symlink_to(tmp_path / "target.txt")
    (tmp_path / "folder.txt").mkdir()
    for name in ("link.txt", "folder.txt", "gone.txt"):
        with pytest.raises(DocumentRefused):
            read_document(tmp_path / name)
