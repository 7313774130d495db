"""Lists of links as people and programs write them, and as nobody should."""

from __future__ import annotations

import csv
import io
import json
import socket
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal, get_args

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as checked
from hypothesis import strategies as st

from tests.clarity import assert_clear
from ultimate_discord_intelligence_bot.errors import AutointelError
from ultimate_discord_intelligence_bot.jobs.lists import (
    LONGEST_LINE,
    Distinct,
    Entry,
    Form,
    Refused,
    read_list,
)
from ultimate_discord_intelligence_bot.settings import Depth

A, B, C = "https://a.example/1", "https://b.example/2?x=1,2;3#part", "https://c.example/3"


def _rows(text: str | bytes, form: Form = "auto") -> list[Entry | Refused]:
    data = text if isinstance(text, bytes) else text.encode()
    return list(read_list(io.BytesIO(data), form=form))


def _entries(text: str | bytes, form: Form = "auto") -> list[Entry]:
    rows = _rows(text, form)
    assert not [row for row in rows if isinstance(row, Refused)]
    return [row for row in rows if isinstance(row, Entry)]


def _refused(text: str | bytes, form: Form = "auto") -> Refused:
    """The one refusal, which is clear; it stopped nothing."""
    (found,) = (row for row in _rows(text, form) if isinstance(row, Refused))
    assert_clear(AutointelError(*found.reason.split(". ", 1)))
    return found


# -- one link per line -------------------------------------------------------------------------


def test_each_line_is_a_link_with_or_without_a_depth() -> None:
    found = _entries(f"{A}\n\n   {B}\tDeep  \n{C} experimental")
    assert found == [Entry(1, A), Entry(3, B, Depth.DEEP), Entry(4, C, Depth.EXPERIMENTAL)]
    assert {entry.priority for entry in found} == {50}


def test_a_comment_begins_a_line_or_follows_white_space() -> None:
    text = f"# my list\n{A}#t=5\n  # more\n{A}#t=6 # a note\n{A} deep\t#another\n{A} #\n"
    assert _entries(text) == [
        Entry(2, f"{A}#t=5"),
        Entry(4, f"{A}#t=6"),
        Entry(5, A, Depth.DEEP),
        Entry(6, A),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_line_end_and_a_byte_order_mark_are_understood(end: str, mark: str) -> None:
    assert _entries(f"{mark}{A}{end}{end}{B}{end}") == [Entry(1, A), Entry(3, B)]


def test_files_put_one_after_the_other_keep_their_marks() -> None:
    assert _entries(f"\ufeff{A}\n\ufeff{B}\n") == [Entry(1, A), Entry(2, B)]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_with_a_mark_is_understood(encoding: str) -> None:
    text = f"\ufeff{A}\r\nhttps://bücher.example/😀\r\n"
    assert _entries(text.encode(encoding)) == [Entry(1, A), Entry(2, "https://bücher.example/😀")]


def test_half_a_character_of_utf_16_spoils_only_its_line() -> None:
    data = f"\ufeff{A}\n{B}".encode("utf-16-le") + b"\x00"
    found = _rows(data)
    assert found[0] == Entry(1, A)
    assert isinstance(found[1], Refused)
    lone = f"\ufeff{A}\n".encode("utf-16-le") + b"\x00\xd8\n\x00" + B.encode("utf-16-le")
    assert [row.line for row in _rows(lone) if isinstance(row, Entry)] == [1, 3]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ftp://a.example/x", "ftp: are not supported"),
        ("javascript:alert(1)", "javascript: are not supported"),
        ("file:///etc/passwd", "file: are not supported"),
        ("/etc/passwd", "not a link"),
        ("www.example.org/talk", "write https://www.example.org/talk"),
        ("https://user:word@a.example/", "Remove everything before the @"),
        ("https://", "no valid host"),
        (f"{A} fast", "“fast” is not a depth. Write standard, deep, comprehensive"),
        (f"{A} deep now", "more on the line than a link and a depth"),
        (f"{A} {'x' * 5000}", "xxx…” is not a depth"),
        (f"https://a.example/{'x' * 5000}", "a link is at most"),
        (f"{A}\x00", "NUL"),
        ("https://a.example/\u202egnp.exe", "cannot be shown"),
        ("nonsense", "not a link. Give a link that starts with https://"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_what_to_do(line: str, reason: str) -> None:
    text = f"{A}\n{line}\n{C}\n"
    refused = _refused(text)
    assert refused.line == 2
    assert reason in refused.reason
    assert len(refused.text) <= 200
    assert [row.line for row in _rows(text) if isinstance(row, Entry)] == [1, 3]


@pytest.mark.parametrize(
    "raw", [b"https://a.example/\xff", b"https://\xed\xa0\x80.example/", b"\xe4"]
)
def test_what_is_not_utf_8_spoils_only_its_line(raw: bytes) -> None:
    found = _rows(A.encode() + b"\n" + raw + b"\n" + C.encode())
    assert [type(row) for row in found] == [Entry, Refused, Entry]
    assert "UTF-8" in _refused(raw).reason


def test_what_is_shown_of_a_bad_line_is_fit_to_be_shown() -> None:
    refused = _refused("\x1b[31mred\u202e " + "é" * 5000)
    assert refused.text.startswith("[31mred é")
    assert len(refused.text) == 200


def test_files_and_names_are_not_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "talk.mp3"
    there.write_bytes(b"x")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("looked up")

    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(Path, "stat", never)
    assert _refused(str(there)).line == 1
    assert list(Distinct(_rows(A))) == [Entry(1, A)]


# -- CSV ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_may_have_its_columns_in_any_order(separator: str) -> None:
    rows = (
        ("Priority", '"URL"', "title", "Depth"),
        ("7", A, '"a, b; ""c"""', "deep"),
        ("", f" {C} ", "", ""),
        ("", "", "", ""),
    )
    text = "\n".join(separator.join(row) for row in rows)
    assert _entries(text) == [Entry(2, A, Depth.DEEP, 7), Entry(3, C)]


def test_a_space_after_the_separator_changes_nothing() -> None:
    assert _entries(f'url, title, depth\n{A}, "b, c", deep\n') == [Entry(2, A, Depth.DEEP)]


def test_a_table_of_links_alone_is_a_table_too() -> None:
    assert _entries(f'\n# links\nurl\n{A}\n"{B}"\n') == [Entry(4, A), Entry(5, B)]


def test_a_title_that_begins_like_a_comment_is_a_title() -> None:
    assert _entries(f"title,url\n#1 podcast,{A}\n") == [Entry(2, A)]


def test_a_row_may_leave_out_its_last_fields() -> None:
    assert _entries(f"url;depth;priority\n{A}\n{C};deep\n") == [
        Entry(2, A),
        Entry(3, C, Depth.DEEP),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{B},deep,5", "The row has 4 fields, but the header names 3"),
        (f'"{A},deep,5', "one line"),
        (f'"{A}"x,deep,5', 'write "" for a quotation mark'),
        (",deep,5", "Fill in its column “url”"),
        (f"{A},quick,5", "“quick” is not a depth"),
        (f"{A},,0", "1 for what comes first to 100"),
        (f"{A},,101", "1 for what comes first to 100"),
        (f"{A},,-3", "1 for what comes first to 100"),
        (f"{A},,{'9' * 20_000}", "1 for what comes first to 100"),
        (f"{A},,high", "1 for what comes first to 100"),
        (f"{A},,٣", "1 for what comes first to 100"),
    ],
)
def test_a_bad_row_of_a_table_stops_nothing(row: str, reason: str) -> None:
    text = f"url,depth,priority\n{A},deep,1\n{row}\n{C},,\n"
    refused = _refused(text)
    assert refused.line == 3
    assert reason in refused.reason
    assert [entry.line for entry in _rows(text) if isinstance(entry, Entry)] == [2, 4]


def test_rows_above_the_header_of_a_table_are_refused_one_by_one() -> None:
    text = f"Export of today\nurl,url\nurl\n{A}\n"
    first, second, entry = _rows(text, "csv")
    assert isinstance(first, Refused)
    assert "url,depth,priority" in first.reason
    assert isinstance(second, Refused)
    assert "Two columns" in second.reason
    assert entry == Entry(4, A)


# -- JSON lines --------------------------------------------------------------------------------


def test_json_lines_say_depth_and_priority_if_they_like() -> None:
    text = (
        f'{{"url": "{A}", "depth": "deep", "priority": 3}}\r\n\n# a note\n'
        f'{{"depth": null, "priority": null, "url": " {B} "}}'
    )
    assert _entries(text) == [Entry(1, A, Depth.DEEP, 3), Entry(4, B)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"url": "https://a.example/", "dept": "deep"}', "“dept” means nothing here. Use url"),
        ('{"url": "https://a.example/", "\\ud800\\u202e": 1}', "“?” means nothing"),
        ('{"url": 5}', '"url": "https://…"'),
        ("{}", "names no link"),
        ('{"url": "https://a.example/\\ud800"}', "cannot be shown"),
        ('{"url": "https://a.example/\\u0000"}', "cannot be shown"),
        ('{"url": "https://a.example/", "depth": ["deep"]}', "is not a depth"),
        ('{"url": "https://a.example/", "depth": ""}', "is not a depth"),
        ('{"url": "https://a.example/", "depth": "\\ud800"}', "“?” is not a depth"),
        ('{"url": "https://a.example/", "priority": true}', "The priority"),
        ('{"url": "https://a.example/", "priority": 5.5}', "The priority"),
        ('{"url": "https://a.example/", "priority": "5"}', "The priority"),
        ('{"url": "https://a.example/", "priority": NaN}', "The priority"),
        ('{"url": "https://a.example/", "priority": ' + "9" * 6000 + "}", "no JSON object"),
        ('{"url": "https://a.example/"},', "no JSON object"),
        ('["https://a.example/"]', "one object per line"),
        ("null", "one object per line"),
        ("[" * 60_000, "one object per line"),
        ('{"url":' * 9_000, "one object per line"),
        ("https://a.example/", "one object per line"),
    ],
)
def test_a_bad_object_stops_nothing(row: str, reason: str) -> None:
    text = f'{{"url": "{A}"}}\n{row}\n{{"url": "{C}"}}\n'
    refused = _refused(text)
    assert refused.line == 2
    assert reason in refused.reason
    refused.reason.encode()
    assert [entry.line for entry in _rows(text) if isinstance(entry, Entry)] == [1, 3]


# -- whatever the form ---------------------------------------------------------------------------


def test_the_form_can_be_told() -> None:
    assert _entries(f'# x\n{{"url":"{A}"}}', "jsonl") == [Entry(2, A)]
    assert _entries(f"# x\nurl\n{A}", "csv") == [Entry(3, A)]
    assert _entries(f"# x\n{A}", "lines") == [Entry(2, A)]
    assert _refused("url\n", "lines").line == 1


def test_a_line_that_cannot_be_read_decides_nothing() -> None:
    first, second = _rows(b"\xe4\n" + f"url;depth\n{A};deep".encode())
    assert isinstance(first, Refused)
    assert second == Entry(3, A, Depth.DEEP)


def test_lines_may_come_from_anywhere_with_or_without_their_ends() -> None:
    lines = [A.encode(), b"", B.encode() + b"\r\n", C.encode() + b" deep\n"]
    expected = [Entry(1, A), Entry(3, B), Entry(4, C, Depth.DEEP)]
    assert list(read_list(lines)) == expected
    assert list(read_list(iter(lines))) == expected


def test_an_empty_list_has_no_rows() -> None:
    for text in ("", "\n\r\n \t\r", "\ufeff", "# nothing yet"):
        assert [_rows(text, form) for form in get_args(Form)] == [[], [], [], []]


def test_links_are_there_before_the_list_has_ended() -> None:
    class Typed(io.BytesIO):
        """Hands over one line at a time, as somebody typing would."""

        given = 0

        def read1(self, size: int | None = -1) -> bytes:
            self.given += 1
            assert self.given < 3, "asked for more than was needed"
            return f"https://a.example/{self.given}\n".encode()

    rows = read_list(Typed())
    assert next(rows) == Entry(1, "https://a.example/1")
    assert next(rows) == Entry(2, "https://a.example/2")


def test_a_line_without_end_is_refused_without_being_held(tmp_path: Path) -> None:
    with (tmp_path / "list.txt").open("w+b") as source:
        source.write(f"{A}\n".encode())
        source.truncate(50 * 2**20)  # a hole: zeros that take no space
        source.seek(0, io.SEEK_END)
        source.write(f"\n{C}".encode())
        source.seek(0)
        tracemalloc.start()
        rows = list(read_list(source))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert [type(row) for row in rows] == [Entry, Refused, Entry]
    assert [row.line for row in rows] == [1, 2, 3]
    assert peak < 4 * 2**20


def test_a_line_may_be_as_long_as_is_said() -> None:
    note = "x" * (LONGEST_LINE - len(A) - 3)
    assert _entries(f"{A} # {note}"[:LONGEST_LINE] + f"\n{C}") == [Entry(1, A), Entry(2, C)]
    refused = _refused(f"{A} # {note}xx\n{C}")
    assert refused.line == 1
    assert "64 KiB" in refused.reason


@pytest.mark.parametrize("count", [10_000, 60_000])
def test_long_lists_are_read_line_by_line(count: int, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    with path.open("w") as file:
        file.writelines(f"https://a.example/{number} deep # {number}\n" for number in range(count))
    with path.open("rb") as source:
        tracemalloc.start()
        try:
            seen = sum(isinstance(row, Entry) for row in read_list(source))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert seen == count
    assert peak < 4 * 2**20


# -- repeats -------------------------------------------------------------------------------------


def test_the_first_of_equal_links_counts() -> None:
    rows: list[Entry | Refused] = [
        Entry(1, "https://www.youtube.com/watch?v=jNQXAC9IVRw&t=4s"),
        Entry(2, "https://youtu.be/jNQXAC9IVRw?si=abc", Depth.DEEP),
        Refused(3, "x", "y"),
        Entry(4, "HTTPS://A.example:443/%7Ex?utm_source=b#c"),
        Entry(5, "https://a.example/~x"),
        Entry(6, "https://a.example/~x?y=1"),
        Refused(7, "x", "y"),
    ]
    distinct = Distinct(rows)
    assert [row.line for row in distinct] == [1, 3, 4, 6, 7]
    assert distinct.repeats == 2


def test_remembering_many_links_takes_little() -> None:
    def many() -> Iterator[Entry]:
        for number in range(40_000):
            yield Entry(number, f"https://a.example/{number % 20_000}?{'x' * 500}")

    tracemalloc.start()
    try:
        distinct = Distinct(many())
        assert sum(1 for _ in distinct) == 20_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert distinct.repeats == 20_000
    assert peak < 20_000 * 200


# -- properties ----------------------------------------------------------------------------------

_words = st.text(st.sampled_from("abcXYZ019-_.~%,;:'()äß語"), max_size=20)
_links = st.builds(
    lambda path, query, fragment: (
        f"https://host.example/{path}" + (query and f"?{query}") + (fragment and f"#{fragment}")
    ),
    _words,
    _words,
    _words,
)
_depths = st.none() | st.sampled_from(Depth)
_asked = st.lists(st.tuples(_links, _depths, st.integers(1, 100)), max_size=8)
_ends = st.sampled_from(["\n", "\r\n", "\r"])


@given(asked=_asked, end=_ends, note=st.sampled_from(["", " # note", "\t#"]))
def test_lines_come_back_as_they_were_written(
    asked: list[tuple[str, Depth | None, int]], end: str, note: str
) -> None:
    text = "".join(f"{url} {depth or ''}{note}{end}" for url, depth, _ in asked)
    expected = [Entry(line, url, depth) for line, (url, depth, _) in enumerate(asked, 1)]
    assert _rows(text) == _rows(text, "lines") == expected


@given(
    asked=_asked,
    end=_ends,
    separator=st.sampled_from(",;\t"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    columns=st.permutations(["url", "depth", "priority", "title"]),
    title=st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=30),
)
def test_tables_come_back_as_they_were_written(
    asked: list[tuple[str, Depth | None, int]],
    end: str,
    separator: str,
    quoting: Literal[0, 1],
    columns: list[str],
    title: str,
) -> None:
    file = io.StringIO(newline="")
    table = csv.DictWriter(file, columns, delimiter=separator, quoting=quoting, lineterminator=end)
    table.writeheader()
    for url, depth, priority in asked:
        row = {"url": url, "depth": depth or "", "priority": priority, "title": title}
        table.writerow(row)
    expected = [Entry(line, *row) for line, row in enumerate(asked, 2)]
    assert _rows(file.getvalue()) == _rows(file.getvalue(), "csv") == expected


@given(asked=_asked, end=_ends, ascii_only=st.booleans())
def test_json_lines_come_back_as_they_were_written(
    asked: list[tuple[str, Depth | None, int]], end: str, ascii_only: bool
) -> None:
    text = "".join(
        json.dumps({"url": url, "depth": depth, "priority": priority}, ensure_ascii=ascii_only)
        + end
        for url, depth, priority in asked
    )
    expected = [Entry(line, *row) for line, row in enumerate(asked, 1)]
    assert _rows(text) == _rows(text, "jsonl") == expected


_beginnings = st.sampled_from(
    [b"", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"url,depth\n", b"{", b"https://", b'{"url":"']
)
_forms: st.SearchStrategy[Form] = st.sampled_from(["auto", "lines", "csv", "jsonl"])


class _Pieces(io.RawIOBase):
    """Bytes in pieces of a few at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._file, self._size = io.BytesIO(data), size

    def read(self, size: int = -1) -> bytes:
        return self._file.read(self._size)


@checked(suppress_health_check=[HealthCheck.too_slow])
@given(
    beginning=_beginnings,
    rest=st.binary(max_size=400) | st.text(max_size=200).map(str.encode),
    form=_forms,
    size=st.integers(1, 7),
)
def test_no_bytes_do_any_harm(beginning: bytes, rest: bytes, form: Form, size: int) -> None:
    data = beginning + rest
    began = time.monotonic()
    rows = list(read_list(io.BytesIO(data), form=form))
    pieces: IO[bytes] = _Pieces(data, size)  # type: ignore[assignment]
    assert list(read_list(pieces, form=form)) == rows
    assert time.monotonic() - began < 5
    assert [row.line for row in rows] == sorted({row.line for row in rows})
    for row in rows:
        if isinstance(row, Refused):
            assert len(row.text) <= 200
            (row.text + row.reason).encode()
            assert "\n" not in row.text + row.reason
    list(Distinct(rows))
