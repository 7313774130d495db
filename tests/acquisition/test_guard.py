"""Hostile links, against a small internet on loopback and the real yt-dlp.

Two addresses play public hosts and are allowed; a third plays the inside, offers media to
whoever asks, and must never be connected to.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clarity import assert_clear
from tests.visits import Visit
from tests.web_of_hosts import PUBLIC, VICTIM, Handler, Internet, send
from ultimate_discord_intelligence_bot.errors import (
    AddressRefused,
    AutointelError,
    NetworkFailed,
    NoMediaFound,
    NotFound,
    NotYetLive,
    RedirectLoop,
    SettingsError,
    UnsupportedScheme,
)

METADATA_SERVICE = "169.254.169.254"


async def test_a_public_host_is_reached(hosts: Internet, visit: Visit) -> None:
    assert (await visit(f"{hosts.url}/talk.mp3")).media is not None


async def test_a_redirect_between_public_hosts_is_followed(hosts: Internet, visit: Visit) -> None:
    assert (await visit(hosts.redirect("/go", f"{hosts.other}/talk.mp3"))).media is not None


# -- the link itself ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("127.0.0.1", VICTIM),
        ("2130706433", VICTIM),
        ("0177.0.0.1", VICTIM),
        ("0", "0.0.0.0"),
        ("[::ffff:127.0.0.1]", VICTIM),
        ("[::1]", "::1"),
        ("[64:ff9b::7f00:1]", "64:ff9b::7f00:1"),
        ("[2002:7f00:1::]", "2002:7f00:1::"),
        (METADATA_SERVICE, METADATA_SERVICE),
    ],
)
async def test_an_inner_address_however_written(
    hosts: Internet, visit: Visit, host: str, place: str
) -> None:
    await visit.refused(f"http://{host}:{hosts.port}/talk.mp3", place)
    assert hosts.hits == 0


async def test_the_name_of_this_machine(hosts: Internet, visit: Visit) -> None:
    error = await visit.fails(f"http://localhost:{hosts.port}/talk.mp3", AddressRefused)
    assert error.message.startswith("The link leads to localhost (")
    assert hosts.hits == 0


async def test_another_port_of_an_allowed_host(hosts: Internet, visit: Visit) -> None:
    visit.overrides["AUTOINTEL_ALLOWED_HOSTS"] = f"{PUBLIC[0]}:{hosts.port + 1}"
    await visit.refused(f"{hosts.url}/talk.mp3", PUBLIC[0])
    assert hosts.asked == []


async def test_a_malformed_list_of_allowed_hosts(hosts: Internet, visit: Visit) -> None:
    visit.overrides["AUTOINTEL_ALLOWED_HOSTS"] = "127.0.0.2, http://nas.local"
    await visit.fails(f"{hosts.url}/talk.mp3", SettingsError)
    assert hosts.asked == []


# -- names ----------------------------------------------------------------------------------------


async def test_a_name_of_an_inner_address(
    hosts: Internet, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOINTEL_TEST_NAMES", json.dumps({"inner.test": [VICTIM]}))
    await visit.refused(f"http://inner.test:{hosts.port}/talk.mp3", f"inner.test ({VICTIM})")
    assert hosts.hits == 0


async def test_a_name_that_changes_its_address(
    hosts: Internet, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Public while the link is looked at, inside when the media is fetched."""
    monkeypatch.setenv("AUTOINTEL_TEST_NAMES", json.dumps({"rebind.test": [PUBLIC[0], VICTIM]}))
    await visit.refused(f"http://rebind.test:{hosts.port}/talk.mp3", f"rebind.test ({VICTIM})")
    assert hosts.hits == 0
    assert hosts.asked == [f"{PUBLIC[0]}/talk.mp3"]


async def test_an_allowed_name(
    hosts: Internet, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOINTEL_TEST_NAMES", json.dumps({"nas.test": [PUBLIC[0]]}))
    visit.overrides["AUTOINTEL_ALLOWED_HOSTS"] = "nas.test,gone.invalid"
    assert (await visit(f"http://nas.test:{hosts.port}/talk.mp3")).media is not None


# -- redirects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_a_redirect_inside(hosts: Internet, visit: Visit, status: int) -> None:
    await visit.refused(hosts.redirect("/go", f"//127.1:{hosts.port}/talk.mp3", status))
    assert hosts.hits == 0


async def test_a_redirect_to_the_metadata_service(hosts: Internet, visit: Visit) -> None:
    link = hosts.redirect("/go", f"http://{METADATA_SERVICE}/latest/meta-data/")
    await visit.refused(link, METADATA_SERVICE)


async def test_a_chain_of_redirects(hosts: Internet, visit: Visit) -> None:
    hosts.redirect("/third", f"{hosts.victim}/talk.mp3")
    hosts.redirect("/second", f"{hosts.other}/third")
    await visit.refused(hosts.redirect("/first", f"{hosts.other}/second"))
    assert hosts.hits == 0


async def test_a_header_that_refreshes(hosts: Internet, visit: Visit) -> None:
    refresh = {"Refresh": f"0; url={hosts.victim}/talk.mp3"}
    await visit.refused(hosts.page("/go", lambda to: send(to, b"<p>wait", headers=refresh)))
    assert hosts.hits == 0


async def test_only_the_media_is_redirected(hosts: Internet, visit: Visit) -> None:
    hosts.redirect("/film.mp3", f"{hosts.victim}/talk.mp3")
    await visit.refused(hosts.text("/page", "<video src='{url}/film.mp3'></video>"))
    assert hosts.hits == 0


# -- pages, playlists, manifests -----------------------------------------------------------------

MASTER = "#EXTM3U\n"
M3U8 = "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:6\n"
MPD = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT6S"><Period>{base}<AdaptationSet mimeType="audio/mp4">'
    '<Representation id="1" bandwidth="64000" codecs="mp4a.40.2"><SegmentList duration="6">'
    '<Initialization sourceURL="{first}"/><SegmentURL media="{second}"/></SegmentList>'
    "</Representation></AdaptationSet></Period></MPD>"
)
INWARD = {
    "meta refresh": ("/a", '<meta http-equiv="refresh" content="0; url={victim}/talk.mp3">'),
    "video": ("/a", "<video src='{victim}/talk.mp3'></video>"),
    "captions": (
        "/a",
        "<video src='{url}/talk.mp3'><track kind='subtitles' srclang='en' src='{victim}/a.vtt'>"
        "</video>",
    ),
    "open graph": ("/a", '<meta property="og:video" content="{victim}/talk.mp3">'),
    "segment": ("/a.m3u8", M3U8 + "#EXTINF:6,\n{victim}/talk.ts\n#EXT-X-ENDLIST\n"),
    "second segment": (
        "/a.m3u8",
        M3U8 + "#EXTINF:6,\n{url}/one.mp3\n#EXTINF:6,\n{victim}/talk.ts\n#EXT-X-ENDLIST\n",
    ),
    "byte range": (
        "/a.m3u8",
        M3U8 + "#EXTINF:6,\n#EXT-X-BYTERANGE:100@0\n{victim}/talk.ts\n#EXT-X-ENDLIST\n",
    ),
    "map": (
        "/a.m3u8",
        M3U8 + '#EXT-X-MAP:URI="{victim}/init"\n#EXTINF:6,\n{url}/one.mp3\n#EXT-X-ENDLIST\n',
    ),
    "key": (
        "/a.m3u8",
        M3U8 + '#EXT-X-KEY:METHOD=AES-128,URI="{victim}/key"\n#EXTINF:6,\n{url}/one.mp3\n'
        "#EXT-X-ENDLIST\n",
    ),
    "variant": ("/a.m3u8", MASTER + "#EXT-X-STREAM-INF:BANDWIDTH=64000\n{victim}/a.m3u8\n"),
    "rendition": (
        "/a.m3u8",
        MASTER + '#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="a",URI="{victim}/a.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=64000,AUDIO="a",CODECS="avc1.4d400d,mp4a.40.2"\n'
        "{url}/none.m3u8\n",
    ),
    "base": ("/a.mpd", MPD.format(base="<BaseURL>{victim}/</BaseURL>", first="i", second="s")),
    "DASH segment": ("/a.mpd", MPD.format(base="", first="{url}/i.mp3", second="{victim}/s")),
    "XSPF": (
        "/a.xspf",
        '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>'
        "<track><location>{victim}/talk.mp3</location></track></trackList></playlist>",
    ),
}


@pytest.mark.parametrize("attack", INWARD)
async def test_a_page_or_playlist_that_names_inner_media(
    hosts: Internet, visit: Visit, attack: str
) -> None:
    path, text = INWARD[attack]
    await visit.refused(hosts.text(path, text))
    assert hosts.hits == 0
    assert hosts.asked


async def test_a_playlist_within_a_playlist(hosts: Internet, visit: Visit) -> None:
    hosts.text("/inner.m3u8", M3U8 + "#EXTINF:6,\n{victim}/talk.ts\n#EXT-X-ENDLIST\n")
    outer = MASTER + "#EXT-X-STREAM-INF:BANDWIDTH=64000\n{other}/inner.m3u8\n"
    await visit.refused(hosts.text("/outer.m3u8", outer))
    assert hosts.hits == 0


async def test_captions_in_pieces_that_lie_inside(hosts: Internet, visit: Visit) -> None:
    hosts.text("/captions.m3u8", M3U8 + "#EXTINF:6,\n{victim}/a.vtt\n#EXT-X-ENDLIST\n")
    hosts.text("/sound.m3u8", M3U8 + "#EXTINF:6,\n{url}/talk.mp3\n#EXT-X-ENDLIST\n")
    outer = MASTER + (
        '#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="e",LANGUAGE="en",URI="{url}/captions.m3u8"\n'
        '#EXT-X-STREAM-INF:BANDWIDTH=64000,SUBTITLES="s"\n{url}/sound.m3u8\n'
    )
    await visit.refused(hosts.text("/outer.m3u8", outer))
    assert hosts.hits == 0


async def test_a_thumbnail_is_never_fetched(hosts: Internet, visit: Visit) -> None:
    page = (
        "<meta property='og:image' content='{victim}/a.jpg'>"
        "<video src='{url}/talk.mp3' poster='{victim}/b.jpg'></video>"
    )
    assert (await visit(hosts.text("/page", page))).media is not None
    assert hosts.hits == 0


SECRET = "a secret of this machine"


@pytest.mark.parametrize(
    ("place", "scheme"),
    [
        *((place, "file") for place in ("segment", "map", "key", "base")),
        *(("DASH segment", scheme) for scheme in ("ftp", "data")),
    ],
)
async def test_a_playlist_that_leaves_http(
    hosts: Internet, visit: Visit, tmp_path: Path, place: str, scheme: str
) -> None:
    (tmp_path / "secret").write_text(SECRET)
    inside = {
        "file": (tmp_path / "secret").as_uri(),
        "ftp": f"ftp://{VICTIM}:{hosts.port}/secret",
        "data": "data:text/plain,secret",
    }[scheme]
    path, text = INWARD[place]
    text = text.replace("{victim}/talk.ts", inside).replace("{victim}/init", inside)
    for name in ("key", "a.m3u8", "s"):
        text = text.replace(f"{{victim}}/{name}", inside)
    text = text.replace("{victim}/", inside + "/")
    with pytest.raises(AutointelError) as caught:
        await visit(hosts.text(path, text))
    assert isinstance(caught.value, UnsupportedScheme | NoMediaFound | NotFound), repr(caught.value)
    assert_clear(caught.value)
    assert SECRET not in str(caught.value)
    assert [path for path in visit.folder.rglob("*") if path.is_file()] == []
    assert hosts.hits == 0


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (MASTER + "#EXT-X-STREAM-INF:BANDWIDTH=64000\n{url}/a.m3u8\n", NotYetLive),
        (M3U8 + "#EXTINF:6,\n{url}/a.m3u8\n#EXT-X-ENDLIST\n", NoMediaFound),
    ],
)
async def test_a_playlist_that_names_itself(
    hosts: Internet, visit: Visit, text: str, kind: type[AutointelError]
) -> None:
    await visit.fails(hosts.text("/a.m3u8", text), kind)
    assert len(hosts.asked) < 10


async def test_pages_that_refresh_for_ever(hosts: Internet, visit: Visit) -> None:
    def turn(to: Handler) -> None:
        number = int(to.path.partition("?")[2] or 0) + 1
        send(to, f'<meta http-equiv="refresh" content="0; url=/page?{number}">'.encode())

    visit.overrides["AUTOINTEL_NETWORK_TIMEOUT"] = 0.3
    with pytest.raises((RedirectLoop, NetworkFailed)) as caught:
        await visit(hosts.page("/page", turn))
    assert_clear(caught.value)
    assert len(hosts.asked) < 1000


async def test_a_circle_of_redirects(hosts: Internet, visit: Visit) -> None:
    hosts.redirect("/b", f"{hosts.url}/a")
    await visit.fails(hosts.redirect("/a", f"{hosts.other}/b"), RedirectLoop)
