"""No secret is ever logged, however it comes."""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from ultimate_discord_intelligence_bot.observability import configure_logging
from ultimate_discord_intelligence_bot.redaction import MASK, Redactor
from ultimate_discord_intelligence_bot.settings import SECRETS, Settings, load_settings

SECRET = "s3cr3t-“Käse”/+\"'&= \\x%41"
PLAIN = "hunter2hunter2"


def nothing_known() -> Redactor:
    return Redactor(frozenset())


# -- by their value -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_every_secret_of_the_settings_is_taken_out(name: str) -> None:
    alias = str(Settings.model_fields[name].validation_alias)
    value = f"postgresql://u:{PLAIN}@h/d" if name == "database_url" else PLAIN
    redactor = Redactor.of(load_settings(**{alias: value}))
    assert redactor.text(f"before {PLAIN} after") == f"before {MASK} after"


@pytest.mark.parametrize(
    "variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
)
def test_those_of_the_bucket_are_too(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, PLAIN)
    assert PLAIN not in Redactor.of(load_settings()).text(f"x{PLAIN}x")


@pytest.mark.parametrize(
    ("setting", "address"),
    [
        ("AUTOINTEL_PROXY", "http://user:{}@proxy:3128"),
        ("AUTOINTEL_DATABASE_URL", "postgresql://user:{}@db:5432/jobs?sslmode=require"),
        ("AUTOINTEL_LLM_BASE_URL", "https://user:{}@models/v1"),
        ("AUTOINTEL_TRACES_URL", "https://user:{}@collector/v1/traces"),
    ],
)
@pytest.mark.parametrize("password", [PLAIN, "a@b/c:d-long", quote(SECRET, safe="")])
def test_a_password_in_an_address_is_taken_out_wherever_it_shows_up(
    setting: str, address: str, password: str
) -> None:
    redactor = Redactor.of(load_settings(**{setting: address.format(password)}))
    for text in (f"connect failed: {password}", address.format(password)):
        assert password not in redactor.text(text)


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        repr(SECRET),
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr({"anything": [SECRET]}),
    ],
)
def test_a_secret_is_recognised_in_every_form_it_is_written_in(written: str) -> None:
    shown = Redactor(frozenset({SECRET})).text(f"<{written}>")
    assert "s3cr3t" not in shown
    assert MASK in shown


def test_a_secret_that_is_part_of_another_one_leaves_nothing_of_it() -> None:
    redactor = Redactor(frozenset({"abcdef", "abcdef-and-more"}))
    assert redactor.text("abcdef-and-more abcdef") == f"{MASK} {MASK}"


def test_values_too_short_to_be_secrets_take_no_words_apart() -> None:
    assert Redactor(frozenset({"a", "", "the"})).text("all of the data") == "all of the data"


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError(PLAIN)


class Telling:
    def __repr__(self) -> str:
        return f"Client(key={PLAIN!r})"


@pytest.mark.parametrize(
    "hidden",
    [
        {"a": [{"b": (PLAIN,)}]},
        {PLAIN: 1},
        {"x": {PLAIN}},
        PLAIN.encode(),
        Path("/tmp") / PLAIN,
        SecretStr(PLAIN),
        Telling(),
        Unprintable(),
        ValueError(PLAIN),
        [[[[[[[[[[[[PLAIN]]]]]]]]]]]],
    ],
)
def test_a_secret_hidden_in_a_value_is_found(hidden: Any) -> None:
    assert PLAIN not in repr(Redactor(frozenset({PLAIN})).value(hidden))


def test_a_secret_may_be_a_number() -> None:
    assert Redactor(frozenset({"12345678"})).value({"pin": 12345678}) == {"pin": MASK}


# -- by their form --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "https://api.example.org/v1?token=PPPP&page=2",
        "https://api.example.org/v1?page=2&api_key=PPPP",
        "https://cdn.example.org/a.mp4?X-Amz-Signature=PPPP&x=1",
        "https://cdn.example.org/a.mp4?X-Amz-Credential=PPPP",
        "https://example.org/#access_token=PPPP",
        "https://example.org/a?sig=PPPP",
        "https%3A%2F%2Fexample.org%2F%3Ftoken%3DPPPP",
        "https://user:PPPP@example.org/path",
        "postgresql+psycopg://autointel:PPPP@db:5432/autointel",
        "redis://:PPPP@host",
        "host=db user=autointel password=PPPP dbname=jobs",
        "host=db password='PPPP' dbname=jobs",
        "Authorization: Bearer PPPP",
        "authorization: Bot PPPP",
        "Proxy-Authorization: Basic PPPP",
        "{'Authorization': 'Bearer PPPP'}",
        '{"authorization":"Bearer PPPP"}',
        "{'x-api-key': 'PPPP'}",
        "Cookie: session=PPPP; other=PPPP",
        "Set-Cookie: a=PPPP; Path=/",
        "sent Bearer PPPP to the server",
        "[(b'Authorization', b'x')] Authorization=PPPP",
        "DISCORD_BOT_TOKEN=PPPP",
        "OPENAI_API_KEY=PPPP",
        "the key sk-proj-PPPP is wrong",
        "the key ghp_PPPP is wrong",
    ],
)
def test_credentials_are_recognised_by_their_form(text: str) -> None:
    password = "Zm9vYmFyMTIzNDU2Nzg5MA.x_y-z"
    shown = nothing_known().text(text.replace("PPPP", password))
    assert password not in shown
    assert MASK in shown


@pytest.mark.parametrize("name", ["token", "api_key", "Authorization", "neo4j_password", "cookie"])
def test_a_field_with_such_a_name_is_not_shown(name: str) -> None:
    assert nothing_known().value({name: "whatever"}) == {name: MASK}


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/watch?v=abc&t=90s#chapter",
        "http://localhost:8000/v1",
        "tokens=120 prompt_tokens=100",
        "a bot that answers with a basic explanation",
        "2026-01-31T12:00:00Z stage_failed stage=claims",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert nothing_known().text(text) == text


def test_counts_of_tokens_stay() -> None:
    assert nothing_known().value({"tokens": 12, "prompt_tokens": 3}) == {
        "tokens": 12,
        "prompt_tokens": 3,
    }


@pytest.mark.parametrize(
    "hostile",
    ["://" * 60_000, "://a:" * 40_000, "token" * 40_000, "authorization:" * 15_000, "-" * 200_000,
     "bearer " * 30_000, "a.token-" * 25_000, "sk-" * 60_000],
)  # fmt: skip
def test_hostile_text_takes_no_time(hostile: str) -> None:
    began = time.process_time()
    nothing_known().text(hostile)
    assert time.process_time() - began < 5


# -- as it is logged ------------------------------------------------------------------------------


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    lines = capsys.readouterr().err.splitlines()
    return [json.loads(line) for line in lines]


def everything(node: Any) -> str:
    """All text of a value, as it was before it became JSON."""
    if isinstance(node, dict):
        return "\n".join(f"{key}\n{everything(value)}" for key, value in node.items())
    if isinstance(node, list):
        return "\n".join(map(everything, node))
    return str(node)


@given(
    secret=st.text(min_size=6, max_size=40).filter(lambda s: len(s.strip()) >= 6),
    before=st.text(max_size=20),
    key=st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(
        lambda k: k not in ("event", "level", "timestamp")
    ),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_line_shows_a_secret(
    capsys: pytest.CaptureFixture[str], secret: str, before: str, key: str
) -> None:
    configured = load_settings(
        AUTOINTEL_LOG_FORMAT="json", AUTOINTEL_LOG_LEVEL="info", OPENAI_API_KEY=secret
    )
    configure_logging(configured)
    own = {"level": "info"}
    if secret.strip() in own["level"] or secret.strip() in MASK:
        return
    structlog.get_logger().info("spoke", **{key: {"deep": [before + secret]}})
    (line,) = logged(capsys)
    assert secret not in everything(line[key])


def test_tracebacks_and_libraries_are_redacted_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(load_settings(AUTOINTEL_LOG_FORMAT="json", DISCORD_BOT_TOKEN=PLAIN))
    try:
        raise ValueError(f"token {PLAIN} refused")
    except ValueError:
        structlog.get_logger().exception("failed")
        logging.getLogger("a.library").exception("GET https://h/?key=%s", PLAIN)
    logging.getLogger("a.library").warning("%s", {"Authorization": "Bearer abcdefgh12345678"})
    ours, theirs, header = logged(capsys)
    for line in (ours, theirs):
        assert PLAIN not in everything(line)
        assert "ValueError: token *** refused" in line["exception"]
    assert theirs["logger"] == "a.library"
    assert "abcdefgh" not in everything(header)


def test_a_line_cannot_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(load_settings(AUTOINTEL_LOG_FORMAT="json"))
    structlog.get_logger().warning('x\n{"level": "critical"}', title="a\r\n\u2028b")
    (line,) = [json.loads(text) for text in capsys.readouterr().err.split("\n") if text]
    assert line["level"] == "warning"
    sys.stderr.flush()
