"""One request through CrewAI's LLM class to a real server."""

from __future__ import annotations

import pytest

from tests.llm.conftest import ask
from tests.model_server import Fault, ModelServer
from ultimate_discord_intelligence_bot.errors import ModelRefused, PromptTooLong
from ultimate_discord_intelligence_bot.llm.call import Call, Message
from ultimate_discord_intelligence_bot.llm.provider import Address, CrewProvider, Failure


async def test_an_answer_comes_with_its_tokens(server: ModelServer, provider: CrewProvider) -> None:
    reply = await provider.send(ask("x" * 400))
    assert reply.text == f"You said: {'x' * 400}"
    assert (reply.usage.prompt, reply.usage.cached, reply.usage.completion) == (100, 50, 102)
    assert reply.usage.calls == 1
    assert reply.whole


async def test_key_length_and_messages_arrive_as_they_are(
    server: ModelServer, provider: CrewProvider
) -> None:
    said = Message("system", "Rules."), Message("user", "{braces} & ⟦marks⟧", shared=True)
    await provider.send(Call(said, answer_tokens=77))
    request = server.seen[0]
    assert request.key == "k3y"
    assert request.body["max_tokens"] == 77
    assert request.body["temperature"] == 0
    assert [(m["role"], m["content"]) for m in request.body["messages"]] == [
        ("system", "Rules."),
        ("user", "{braces} & ⟦marks⟧"),
    ]


@pytest.mark.parametrize(
    ("fault", "throttled", "after"),
    [
        ("429", True, 0.1),
        ("429-now", True, None),
        ("500", False, None),
        ("503", False, None),
        ("hang", False, None),
        ("reset", False, None),
        ("malformed", False, None),
        ("empty", False, None),
    ],
)
async def test_what_may_pass_is_a_failure_after_one_single_request(
    fault: Fault,
    throttled: bool,
    after: float | None,
    server: ModelServer,
    provider: CrewProvider,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.faults.append(fault)
    with pytest.raises(Failure) as raised:
        await provider.send(ask("?"))
    assert (raised.value.throttled, raised.value.after) == (throttled, after)
    assert len(server.seen) == 1
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("400", ModelRefused, r"HTTP 400.*refused: 400"),
        ("401", ModelRefused, r"does not accept the key \(HTTP 401\)"),
        ("404", ModelRefused, r"HTTP 404"),
        ("context", PromptTooLong, r"AUTOINTEL_LLM_CONTEXT"),
    ],
)
async def test_what_will_not_pass_says_why(
    fault: Fault,
    error: type[Exception],
    words: str,
    server: ModelServer,
    provider: CrewProvider,
) -> None:
    server.faults.append(fault)
    with pytest.raises(error, match=words):
        await provider.send(ask("?"))
    assert len(server.seen) == 1


async def test_an_answer_that_reached_its_length_is_known_as_such(
    server: ModelServer, provider: CrewProvider
) -> None:
    server.faults.append("length")
    assert not (await provider.send(ask("?"))).whole


async def test_a_date_in_retry_after_is_understood(
    server: ModelServer, provider: CrewProvider
) -> None:
    server.retry_after = "Fri, 31 Dec 2999 23:59:59 GMT"
    server.faults.append("429")
    with pytest.raises(Failure) as raised:
        await provider.send(ask("?"))
    assert raised.value.after is not None
    assert raised.value.after > 1e6


async def test_an_answer_can_be_heard_while_it_comes(
    server: ModelServer, provider: CrewProvider
) -> None:
    heard: list[str] = []
    reply = await provider.send(ask("one two"), heard.append)
    assert heard == ["You", "You said:", "You said: one", "You said: one two"]
    assert reply.text == heard[-1]
    assert reply.usage.completion == 4


async def test_a_stream_that_breaks_off_is_a_failure(
    server: ModelServer, provider: CrewProvider
) -> None:
    server.faults.append("cut")
    heard: list[str] = []
    with pytest.raises(Failure, match="broke off"):
        await provider.send(ask("one two"), heard.append)
    assert heard == ["You", "You said:"]


@pytest.mark.parametrize(
    "name", ["openai/m", "ollama/m", "openrouter/a/m", "anthropic/m", "gemini/m", "hosted_vllm/m"]
)
def test_every_provider_that_is_promised_can_be_had(name: str) -> None:
    provider, _, model = name.partition("/")
    CrewProvider(Address(provider, model, "k3y"))


@pytest.mark.parametrize("provider", ["ollama", "openrouter", "hosted_vllm"])
async def test_servers_that_speak_openai_s_protocol_are_reached_at_their_address(
    provider: str, server: ModelServer
) -> None:
    reply = await CrewProvider(Address(provider, "a/model", "k3y", server.url)).send(ask("hi"))
    assert reply.text == "You said: hi"
    assert server.seen[0].body["model"] == "a/model"


@pytest.mark.parametrize("provider", ["anthropic", "gemini"])
async def test_other_protocols_are_spoken_as_well(provider: str, server: ModelServer) -> None:
    address = Address(provider, "some-model", "k3y", server.url.removesuffix("/v1"), timeout=1.0)
    model = CrewProvider(address)
    said = Message("system", "Rules."), Message("user", "x" * 394, shared=True)
    reply = await model.send(Call(said, answer_tokens=77))
    assert reply.text == f"You said: {'x' * 394}"
    assert (reply.usage.prompt, reply.usage.cached, reply.usage.completion) == (100, 50, 101)
    assert reply.whole
    request = server.seen[0]
    assert request.key == "k3y"
    assert [m["content"] for m in request.body["messages"]] == ["Rules.", "x" * 394]
    limits = request.body, request.body.get("generationConfig", {})
    assert 77 in (limits[0].get("max_tokens"), limits[1].get("maxOutputTokens"))

    faults: list[Fault] = ["429", "500", "hang", "401", "length"]
    server.faults.extend(faults)
    with pytest.raises(Failure) as refused:
        await model.send(ask("?"))
    assert (refused.value.throttled, refused.value.after) == (True, 0.1)
    for _ in range(2):
        with pytest.raises(Failure):
            await model.send(ask("?"))
    with pytest.raises(ModelRefused, match="does not accept the key"):
        await model.send(ask("?"))
    assert not (await model.send(ask("?"))).whole
    assert len(server.seen) == 6
    await model.close()


@pytest.mark.parametrize(
    ("model", "length", "temperature"),
    [("gpt-4o-mini", "max_completion_tokens", 0.0), ("gpt-5-mini", "max_completion_tokens", None)],
)
async def test_openai_s_own_models_are_told_their_length_as_they_want_it(
    model: str,
    length: str,
    temperature: float | None,
    server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    await CrewProvider(Address("openai", model, "k3y")).send(ask("hi", answer_tokens=55))
    body = server.seen[0].body
    assert body[length] == 55
    assert "max_tokens" not in body
    assert body.get("temperature") == temperature


def test_an_unknown_provider_is_refused_by_name() -> None:
    with pytest.raises(ModelRefused, match="nobody/model"):
        CrewProvider(Address("nobody", "model", "k3y"))
