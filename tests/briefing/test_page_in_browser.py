"""report.html in a real browser: it plays, seeks, filters, and asks nobody for anything."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from ultimate_discord_intelligence_bot.briefing import write_briefing
from ultimate_discord_intelligence_bot.models.media import Source
from ultimate_discord_intelligence_bot.models.report import Report
from ultimate_discord_intelligence_bot.models.transcript import Transcript

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
HOSTILE = (
    '</script><script>window.hacked=1</script><img src="http://192.0.2.1/x" onerror="hacked=1">'
    "<svg onload=hacked=1>"
)


class Browser:
    """One page of a headless Chromium, driven over its DevTools protocol."""

    def __init__(self, socket: Connection) -> None:
        self._socket = socket
        self._number = 0
        self.events: list[dict[str, Any]] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv(timeout=30))
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def open(self, page: Path, fragment: str = "", *, width: int = 1200) -> None:
        self.send("Page.navigate", url="about:blank")
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.events.clear()
        self.send("Page.navigate", url=page.as_uri() + fragment)
        self.until("document.readyState === 'complete' && location.protocol === 'file:'")

    def run(self, script: str) -> Any:
        answer = self.send("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def after_a_frame(self, script: str) -> Any:
        """What a script gives when what is on the screen has been drawn twice more."""
        frame = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.send("Runtime.evaluate", expression=frame, awaitPromise=True)
        return self.run(script)

    def until(self, condition: str, seconds: float = 15) -> None:
        deadline = time.monotonic() + seconds
        while not self.run(condition):
            assert time.monotonic() < deadline, f"never came true: {condition}"
            time.sleep(0.03)

    def click(self, selector: str) -> None:
        """A real click of the mouse in the middle of an element."""
        middle = (
            f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
            "e.scrollIntoView({block: 'center', behavior: 'instant'});"
            "const b = e.getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        # What comes into view for the first time is laid out then, and may move what is around it.
        x, y = self.run(middle)
        while (moved := self.after_a_frame(middle)) != [x, y]:
            x, y = moved
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def search(self, words: str) -> None:
        """Put words in place of those in the search field."""
        self.run("document.getElementById('find').select()")
        if words:
            self.send("Input.insertText", text=words)
        else:
            self.press("Delete", 46)

    def press(self, key: str, code: int) -> None:
        kinds = ("rawKeyDown", "char", "keyUp") if key == "Enter" else ("rawKeyDown", "keyUp")
        for kind in kinds:
            text = {"text": "\r"} if kind == "char" else {}
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **text
            )

    def complaints(self) -> list[dict[str, Any]]:
        """Errors on the console and exceptions so far."""
        self.run("0")
        return [
            event
            for event in self.events
            if event["method"] == "Runtime.exceptionThrown"
            or (
                event["method"] == "Runtime.consoleAPICalled" and event["params"]["type"] == "error"
            )
            or (
                event["method"] == "Log.entryAdded"
                and event["params"]["entry"]["level"] in ("error", "warning")
            )
        ]

    def requests(self) -> set[str]:
        """Addresses asked for so far, except those inside the page."""
        self.run("0")
        asked = (
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        )
        return {url for url in asked if not url.startswith("data:")}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    profile = tmp_path_factory.mktemp("profile")
    assert CHROMIUM is not None
    command = [
        *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *("--mute-audio", f"--user-data-dir={profile}", "--remote-debugging-port=0"),
        "about:blank",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            address = _page_address(profile / "DevToolsActivePort")
            with connect(address, max_size=None, open_timeout=20) as socket:
                yield Browser(socket)
        finally:
            process.terminate()


def _page_address(port_file: Path) -> str:
    import urllib.request

    deadline = time.monotonic() + 30
    while not (port_file.exists() and "\n" in port_file.read_text()):
        assert time.monotonic() < deadline, "chromium does not start"
        time.sleep(0.05)
    port = int(port_file.read_text().splitlines()[0])
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
        targets = json.loads(answer.read())
    address: str = next(t["webSocketDebuggerUrl"] for t in targets if t["type"] == "page")
    return address


@pytest.fixture(scope="module")
def page(report: Report, sound: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("briefing")
    return write_briefing(report, folder, media=sound, embed_limit_mb=20)[2]


def test_the_sound_inside_the_page_can_be_sought(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.until("audio.readyState > 0")
    assert browser.run("audio.duration") == pytest.approx(146.5, abs=0.2)
    assert browser.run("audio.seekable.end(0)") == pytest.approx(146.5, abs=0.2)
    browser.run("audio.currentTime = 100")
    browser.until("!audio.seeking && audio.readyState >= 2")
    assert browser.run("audio.currentTime") == pytest.approx(100, abs=0.2)
    assert browser.complaints() == []
    assert browser.requests() == {page.as_uri()}


def test_a_click_on_a_sentence_plays_it_and_marks_it(
    browser: Browser, page: Path, report: Report
) -> None:
    browser.open(page)
    browser.until("audio.readyState > 0")
    segment = report.transcript.segments[12]
    browser.click("#s12 mark")
    browser.until(f"audio.currentTime >= {segment.start:.2f} - 0.01")
    browser.until("document.querySelector('#s12').matches('.current[aria-current]')")
    assert browser.run("audio.currentTime") < segment.end
    assert not browser.run("audio.paused")
    assert browser.run("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('#s12'))")
    browser.until(f"audio.currentTime > {segment.start} + 0.2")
    assert browser.run("document.getElementById('now').textContent").endswith("What it costs")
    browser.click("#s3 .time")
    browser.until("document.querySelector('#s3').matches('.current')")
    assert browser.run("document.querySelectorAll('.seg.current').length") == 1
    assert browser.complaints() == []


def test_key_points_and_chapters_lead_to_their_moment(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.until("audio.readyState > 0")
    browser.click("#key-points li:nth-child(2) a.time")
    browser.until("audio.currentTime >= 26.2 && audio.currentTime < 33")
    assert browser.run("location.hash") == "#s5"
    browser.click(".chapters li:nth-child(3) a")
    browser.until("audio.currentTime >= 82 && audio.currentTime < 87")
    assert browser.run("location.hash") == "#c3"


def test_the_keyboard_is_enough(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.until("audio.readyState > 0")
    browser.run("document.querySelector('#s7 a.time').focus()")
    browser.press("Enter", 13)
    browser.until("document.querySelector('#s7').matches('.current')")


def test_an_address_with_a_time_starts_there(browser: Browser, page: Path) -> None:
    browser.open(page, "#t=93.5")
    browser.until("Math.abs(audio.currentTime - 93.5) < 0.2")
    browser.until("document.querySelector('#s18').matches('.current')")
    assert browser.run("audio.paused")


def test_search_and_filter_show_what_fits(browser: Browser, page: Path) -> None:
    browser.open(page)
    shown = "[...document.querySelectorAll('.seg')].filter(e => e.offsetParent).length"
    browser.until(f"{shown} === 29")
    browser.search("MISSION mars")
    browser.until(f"{shown} === 2")
    assert browser.run("found.value") == "2 of 29 sentences"
    assert browser.run("document.querySelectorAll('.turn:not([hidden])').length") == 2
    browser.search("")
    browser.until(f"{shown} === 29")
    browser.click("#only")
    browser.until(f"{shown} === 17")
    assert browser.complaints() == []


def test_words_of_a_hostile_transcript_stay_words(
    browser: Browser, debate: Any, sound: Path, tmp_path: Path
) -> None:
    segments = tuple(
        segment.model_copy(update={"text": HOSTILE, "speaker": HOSTILE})
        for segment in debate.segments
    )
    source = debate.source.model_copy(update={"title": HOSTILE, "url": "javascript:hacked=1"})
    report = debate.found_at(source).report(
        "standard",
        transcript=Transcript(segments=segments, origin="human captions"),
        claims=debate.claims.model_copy(
            update={
                "claims": (debate.claims.claims[0].model_copy(update={"text": HOSTILE}),),
            }
        ),
    )
    path = write_briefing(report, tmp_path, media=sound, embed_limit_mb=20)[2]
    browser.open(path)
    browser.until("audio.readyState > 0")
    assert browser.run("typeof window.hacked") == "undefined"
    assert browser.run("document.querySelector('#s2 .words mark').textContent") == HOSTILE
    assert browser.run("document.querySelectorAll('[href^=\"javascript\" i]').length") == 0
    assert browser.requests() == {path.as_uri()}
    assert browser.complaints() == []


def test_large_media_plays_from_where_it_lies(
    browser: Browser, report: Report, sound: Path, tmp_path: Path
) -> None:
    path = write_briefing(report, tmp_path, media=sound, embed_limit_mb=0)[2]
    browser.open(path)
    browser.until("audio.readyState > 0")
    assert browser.run("audio.duration") == pytest.approx(146.5, abs=0.2)
    browser.click("#s20 mark")
    browser.until("audio.currentTime >= 103.9")
    assert all(url.startswith("file:") for url in browser.requests())
    assert browser.complaints() == []


def test_a_page_without_sound_is_quiet_and_searchable(
    browser: Browser, debate: Any, tmp_path: Path
) -> None:
    source = Source(
        id="debate", url="https://www.youtube.com/watch?v=abc", title="x", platform="youtube"
    )
    report = debate.found_at(source).report()
    path = write_briefing(report, tmp_path, media=None, embed_limit_mb=20)[2]
    browser.open(path)
    browser.search("jupiter")
    assert browser.run("found.value") == "2 of 29 sentences"
    assert browser.requests() == {path.as_uri()}
    assert browser.complaints() == []


@pytest.mark.parametrize("width", [320, 390, 768, 1200])
def test_nothing_is_wider_than_the_screen(browser: Browser, page: Path, width: int) -> None:
    browser.open(page, width=width)
    assert browser.run("document.documentElement.scrollWidth") <= width
