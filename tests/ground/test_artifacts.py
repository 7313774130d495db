"""Artifacts are kept the same way in a folder and in a bucket that several machines share."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import obstore
import pytest
from hypothesis import given
from hypothesis import strategies as st
from obstore.store import MemoryStore

from tests.s3_server import S3_MARKS, S3Server, s3_server
from ultimate_discord_intelligence_bot.acquisition.fingerprint import file_hash
from ultimate_discord_intelligence_bot.bucket import Bucket
from ultimate_discord_intelligence_bot.critical_path import Profile
from ultimate_discord_intelligence_bot.errors import (
    ArtifactsUnreachable,
    SettingsError,
    StorageError,
)
from ultimate_discord_intelligence_bot.models.artifact import Vectors
from ultimate_discord_intelligence_bot.models.media import (
    Acquisition,
    CaptionFile,
    Locator,
    MediaFile,
    Source,
)
from ultimate_discord_intelligence_bot.models.transcript import Segment, Transcript
from ultimate_discord_intelligence_bot.runs import ArtifactStore, Run, find_profile
from ultimate_discord_intelligence_bot.settings import Depth, Settings, load_settings

if TYPE_CHECKING:
    from obstore.store import ObjectStore

WEB = Locator(kind="web", value="https://example.org/a")
MIRROR = Locator(kind="web", value="https://mirror.example/a")
NAMES = st.text(max_size=40) | st.sampled_from(["..", "../..", "a/../../b", ".", "/etc", "\0", ""])


def transcript(text: str = "Guten Tag – 你好 👋") -> Transcript:
    segment = Segment(index=0, start=0.0, end=1.5, text=text)
    return Transcript(segments=(segment,), origin="human captions")


@dataclass
class Place:
    """Where artifacts are kept.

    Attributes:
        connect: leads to the bucket; None where there is none.
    """

    folder: Path
    connect: Callable[[], ObjectStore] | None

    def store(self, machine: str = "one", run: str = "run") -> ArtifactStore:
        """The store of a run, as a machine opens it."""
        return ArtifactStore(self.runs(machine) / run / "artifacts", self.bucket(machine))

    def runs(self, machine: str) -> Path:
        return self.folder / machine / "runs"

    def bucket(self, machine: str = "one") -> Bucket | None:
        if self.connect is None:
            return None
        return Bucket("s3://artifacts/here/and-there", self.runs(machine), self.connect)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def s3(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server with an empty bucket, and its keys in the environment."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    server.begin_anew()
    return server


@pytest.fixture
def machine(s3: S3Server, tmp_path: Path) -> Callable[..., Settings]:
    """The settings of a machine of that name; all use the same bucket."""

    def of(name: str, **more: Any) -> Settings:
        data_dir = tmp_path / name / "data"
        return load_settings(
            AUTOINTEL_DATA_DIR=data_dir,
            AUTOINTEL_ARTIFACTS_URL=s3.url,
            AUTOINTEL_NETWORK_TIMEOUT=1.0,
            **more,
        )

    return of


@pytest.fixture(params=["folder", "memory", pytest.param("s3", marks=S3_MARKS)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "s3":
        s3 = request.getfixturevalue("s3")
        settings = load_settings(AUTOINTEL_ARTIFACTS_URL=s3.url, AUTOINTEL_DATA_DIR=tmp_path)
        bucket = Bucket.of(settings)
        assert bucket is not None
        return Place(tmp_path, bucket._connect)
    memory = MemoryStore()
    return Place(tmp_path, None if request.param == "folder" else lambda: memory)


shared = pytest.mark.parametrize(
    "place", ["memory", pytest.param("s3", marks=S3_MARKS)], indirect=True
)


# -- one contract for all ---------------------------------------------------------------------


@given(text=st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_what_is_written_is_read_by_whoever_opens_the_store_next(text: str) -> None:
    memory = MemoryStore()
    for bucket in (None, Bucket("s3://artifacts", Path("runs").absolute(), lambda: memory)):
        folder = Path("runs").absolute() / "run" / "artifacts"
        written = ArtifactStore(folder, bucket).write("transcription", "k", transcript(text))
        found = ArtifactStore(folder, bucket).read("transcription", "k", Transcript)
        assert found == (transcript(text), written)


def test_an_artifact_comes_back_as_it_was(place: Place) -> None:
    written = place.store().write("transcription", "k", transcript())
    assert place.store().read("transcription", "k", Transcript) == (transcript(), written)


def test_vectors_come_back_as_they_were(place: Place) -> None:
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    place.store().write("embedding", "k", Vectors(array))
    found = place.store().read("embedding", "k", Vectors)
    assert found is not None
    np.testing.assert_array_equal(found[0].array, array)


def test_the_last_one_written_counts(place: Place) -> None:
    for text in ("one", "two"):
        place.store().write("transcription", "k", transcript(text))
    found = place.store().read("transcription", "k", Transcript)
    assert found is not None
    assert found[0] == transcript("two")


def test_what_is_not_there_is_none(place: Place) -> None:
    place.store(run="another").write("transcription", "k", transcript())
    assert place.store().read("transcription", "k", Transcript) is None


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/passwd", "nul\0"])
def test_no_name_leads_elsewhere(place: Place, name: str) -> None:
    for stage, key in ((name, "k"), ("transcription", name)):
        with pytest.raises(StorageError, match="no name"):
            place.store().write(stage, key, transcript())
        with pytest.raises(StorageError, match="no name"):
            place.store().read(stage, key, Transcript)


# -- a bucket -----------------------------------------------------------------------------------


@shared
def test_another_machine_reads_what_one_wrote_and_keeps_it(place: Place) -> None:
    written = place.store("one").write("transcription", "k", transcript())
    assert place.store("two").read("transcription", "k", Transcript) == (transcript(), written)
    bucket = place.bucket()
    assert bucket is not None
    bucket.remove(place.runs("one") / "run")
    assert place.store("two").read("transcription", "k", Transcript) == (transcript(), written)
    assert place.store("three").read("transcription", "k", Transcript) is None


@shared
@pytest.mark.parametrize("damage", [b"", b"{", b'{"segments": []}', b"\xff\xfe\x00"])
def test_a_damaged_copy_is_fetched_anew(place: Place, damage: bytes) -> None:
    store = place.store()
    written = store.write("transcription", "k", transcript())
    copy = store.folder / "transcription-k.json"
    whole = copy.read_bytes()
    copy.write_bytes(damage)
    assert store.read("transcription", "k", Transcript) == (transcript(), written)
    assert copy.read_bytes() == whole


@shared
def test_a_damaged_object_is_as_good_as_none(place: Place) -> None:
    store, bucket = place.store(), place.bucket()
    assert bucket is not None
    bucket.write(store.folder / "transcription-k.json", b"{")
    assert store.read("transcription", "k", Transcript) is None


@shared
def test_what_another_link_to_the_recording_left_is_found_too(place: Place) -> None:
    place.store("one", "first").write("transcription", "k", transcript())
    store = place.store("two", "mirror")
    store.shared = place.store("two", "first").folder
    found = store.read("transcription", "k", Transcript)
    assert found is not None
    assert found[0] == transcript()


@shared
def test_a_removed_folder_is_gone_and_nothing_else(place: Place) -> None:
    bucket = place.bucket()
    assert bucket is not None
    runs = place.runs("one")
    for number in range(1200 if isinstance(bucket._store, MemoryStore) else 12):
        bucket.write(runs / "run" / f"{number}.json", b"x")
    bucket.write(runs / "run-2" / "a.json", b"x")
    assert bucket.touched(runs / "run") is not None
    bucket.remove(runs / "run")
    assert bucket.names(runs / "run") == set()
    assert bucket.touched(runs / "run") is None
    assert bucket.names(runs / "run-2") == {"a.json"}
    bucket.remove(runs / "run")


@given(names=st.lists(NAMES, max_size=4))
def test_no_path_leads_out_of_the_part_of_the_bucket_that_is_ours(names: list[str]) -> None:
    memory = MemoryStore()
    obstore.put(memory, "here-too/theirs", b"theirs")
    bucket = Bucket("s3://artifacts/here", Path("/data/runs"), lambda: memory)
    folder = Path("/data/runs", *names)
    with suppress(StorageError):
        bucket.write(folder / "run" / "ours", b"ours")
    for page in obstore.list(memory):
        for each in page:
            assert each["path"] == "here-too/theirs" or each["path"].startswith("here/runs/")
    with suppress(StorageError):
        bucket.remove(folder / "run")
    assert [each["path"] for page in obstore.list(memory) for each in page] == ["here-too/theirs"]


@pytest.mark.parametrize(
    "path", ["/data/runs", "/data/runs/..", "/data/other/x", "runs/x", "/data/runs/" + "x" * 1100]
)
def test_a_path_that_a_bucket_cannot_hold_is_refused(path: str) -> None:
    bucket = Bucket("s3://artifacts", Path("/data/runs"), MemoryStore)
    for ask in (bucket.read, bucket.names, bucket.remove, lambda path: bucket.write(path, b"")):
        with pytest.raises(StorageError, match="no path"):
            ask(Path(path))


# -- files --------------------------------------------------------------------------------------


def acquired_by(run: Run, content: bytes = b"sound " * 900_000) -> Acquisition:
    """What a download of a media file and a caption file leaves."""
    run.media_folder.mkdir(parents=True, exist_ok=True)
    media, words = run.media_folder / "media.opus", run.media_folder / "captions.en.vtt"
    media.write_bytes(content)
    words.write_bytes(b"WEBVTT")
    return Acquisition(
        source=Source(id=run.source_id, url=WEB.value, title="A talk", platform="web"),
        media=MediaFile(path=media, sha256=hashlib.sha256(content).hexdigest(), size=len(content)),
        captions=(CaptionFile(path=words, sha256=hashlib.sha256(b"WEBVTT").hexdigest()),),
        acquired_at=datetime.now(UTC),
    )


def run_on(settings: Settings, locator: Locator = WEB) -> Run:
    return Run(locator, Depth.STANDARD, settings)


async def shared_by(run: Run) -> Acquisition:
    acquired = acquired_by(run)
    await run.share(acquired)
    run.artifacts.write("acquisition", "k", acquired)
    return acquired


def read_on(run: Run) -> Acquisition:
    found = run.artifacts.read("acquisition", "k", Acquisition)
    assert found is not None
    return found[0]


class TestFiles:
    pytestmark = S3_MARKS

    async def test_another_machine_gets_the_files_where_it_looks_for_them(
        self, machine: Callable[..., Settings]
    ) -> None:
        there = await shared_by(run_on(machine("one")))
        run = run_on(machine("two"))
        here = read_on(run)
        await run.bring(here)
        assert here.media is not None
        assert there.media is not None
        assert here.media.path == run.media_folder / "media.opus"
        assert here.media.path.read_bytes() == there.media.path.read_bytes()
        assert here.captions[0].path.read_bytes() == b"WEBVTT"
        assert sorted(path.name for path in run.media_folder.iterdir()) == [
            "captions.en.vtt",
            "media.opus",
        ]

    async def test_all_machines_name_an_acquisition_alike(
        self, machine: Callable[..., Settings]
    ) -> None:
        acquired = await shared_by(run_on(machine("one")))
        found = [
            run_on(machine(name)).artifacts.read("acquisition", "k", Acquisition)
            for name in ("one", "two")
        ]
        assert found[0] is not None
        assert found[1] is not None
        assert found[0][1] == found[1][1]
        assert found[0][0] == acquired

    async def test_a_file_from_elsewhere_stays_where_it_is(
        self, machine: Callable[..., Settings], s3: S3Server, debate: Path
    ) -> None:
        run = run_on(machine("one"))
        media = MediaFile(path=debate, sha256=file_hash(debate), size=275_620)
        acquired = acquired_by(run).model_copy(update={"media": media, "captions": ()})
        await run.share(acquired)
        assert s3.objects() == []
        run.artifacts.write("acquisition", "k", acquired)
        assert read_on(run_on(machine("two"))) == acquired

    @pytest.mark.parametrize("other", [b"", b"noise " * 900_000, b"sound " * 900_001, b"sound "])
    async def test_files_that_are_others_are_not_taken(
        self, machine: Callable[..., Settings], other: bytes
    ) -> None:
        one, two = run_on(machine("one")), run_on(machine("two"))
        await shared_by(one)
        bucket = Bucket.of(one.settings)
        assert bucket is not None
        bucket.write(one.media_folder / "media.opus", other)
        await two.bring(read_on(two))
        assert [path.name for path in two.media_folder.iterdir()] == ["captions.en.vtt"]

    async def test_files_that_are_gone_are_no_failure(
        self, machine: Callable[..., Settings]
    ) -> None:
        one, two = run_on(machine("one")), run_on(machine("two"))
        await shared_by(one)
        bucket = Bucket.of(one.settings)
        assert bucket is not None
        bucket.remove(one.media_folder)
        await two.bring(read_on(two))
        assert not list(two.media_folder.iterdir())

    async def test_an_artifact_that_leads_out_of_the_data_folder_is_damaged(
        self, machine: Callable[..., Settings]
    ) -> None:
        one, two = run_on(machine("one")), run_on(machine("two"))
        acquired = acquired_by(one).moved(lambda path: Path("..", "..", path.name))
        bucket = Bucket.of(one.settings)
        assert bucket is not None
        bucket.write(one.folder / "artifacts" / "acquisition-k.json", acquired.encode())
        assert two.artifacts.read("acquisition", "k", Acquisition) is None

    async def test_a_cancelled_upload_ends_at_once_and_leaves_nothing(
        self, machine: Callable[..., Settings], s3: S3Server
    ) -> None:
        run = run_on(machine("one"))
        acquired = acquired_by(run)
        s3.pause()
        sharing = asyncio.create_task(run.share(acquired))
        await asyncio.sleep(0.1)
        sharing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(sharing, 0.5)
        s3.resume()
        assert s3.objects() == []

    def test_names_of_speakers_are_the_same_everywhere(
        self, machine: Callable[..., Settings]
    ) -> None:
        one, two = run_on(machine("one")), run_on(machine("two"))
        assert two.speaker_names == {}
        one.name_speakers({"A": "Ada"})
        assert two.speaker_names == {"A": "Ada"}
        two.name_speakers({"A": "Alan"})
        assert one.speaker_names == {"A": "Alan"}

    def test_the_times_of_a_run_are_found_by_a_machine_that_did_not_do_it(
        self, machine: Callable[..., Settings]
    ) -> None:
        one, two = machine("one"), machine("two")
        run = run_on(one)
        times = Profile(
            run_id=run.id,
            tenant=run.tenant,
            input=run.locator.value,
            depth=run.depth,
            status="failed",
            ended_at=datetime(2026, 1, 1, tzinfo=UTC),
            seconds=1.0,
            spans=(),
        )
        run.leave_profile(times)
        assert find_profile(two, run.id, run.depth) == times
        later = times.model_copy(update={"ended_at": datetime(2026, 1, 2, tzinfo=UTC)})
        run_on(two).leave_profile(later)
        assert find_profile(one, run.id) == later

    async def test_a_briefing_is_published(
        self, machine: Callable[..., Settings], s3: S3Server, tmp_path: Path
    ) -> None:
        run = run_on(machine("one"))
        (tmp_path / "report.html").write_text("<p>")
        (tmp_path / "notes of mine.txt").write_text("private")
        await run.publish([tmp_path / "report.html"])
        assert s3.objects() == [f"here/and-there/runs/{run.id}/briefing/standard/report.html"]


# -- a writer that is killed, a server that is away -------------------------------------------

_WRITER = """
import asyncio, sys
from pathlib import Path
from ultimate_discord_intelligence_bot.bucket import Bucket
from ultimate_discord_intelligence_bot.settings import load_settings

bucket = Bucket.of(load_settings())
name, size, ways = sys.argv[1], int(sys.argv[2]), sys.argv[3]
path = bucket.folder / "run" / name
file = Path(name)
file.write_bytes(b"x" * size)
print("begun", flush=True)
while True:
    if ways == "send":
        asyncio.run(bucket.send(path, file))
    else:
        bucket.write(path, file.read_bytes())
"""


class TestFailures:
    pytestmark = S3_MARKS

    @pytest.mark.parametrize("after", [0.0, 0.05, 0.2, 0.5])
    @pytest.mark.parametrize(("ways", "size"), [("write", 3_000_000), ("send", 23_000_000)])
    def test_a_killed_writer_leaves_nothing_half_written(
        self, machine: Callable[..., Settings], ways: str, size: int, after: float
    ) -> None:
        settings = machine("one")
        environment = os.environ | {
            "AUTOINTEL_DATA_DIR": str(settings.data_dir),
            "AUTOINTEL_ARTIFACTS_URL": str(settings.artifacts_url),
        }
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, "large", str(size), ways],
            env=environment,
            stdout=subprocess.PIPE,
        )
        assert writer.stdout
        assert writer.stdout.readline() == b"begun\n"
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(after)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        bucket = Bucket.of(settings)
        assert bucket is not None
        found = bucket.read(bucket.folder / "run" / "large")
        assert found in (None, b"x" * size)

    async def assert_unreachable(self, settings: Settings, reason: str) -> None:
        """Whatever is asked for, the error says why and what to do."""
        run = run_on(settings)
        acquired = acquired_by(run)
        bucket = Bucket.of(settings)
        assert bucket is not None
        for ask in (
            lambda: run.artifacts.read("transcription", "k", Transcript),
            lambda: run.artifacts.write("transcription", "k", transcript()),
            lambda: bucket.names(run.folder),
            lambda: bucket.remove(run.folder),
            lambda: run.speaker_names,
            lambda: asyncio.run(run.share(acquired)),
            lambda: asyncio.run(run.publish([acquired.files[1].path])),
        ):
            with pytest.raises(ArtifactsUnreachable, match=reason) as caught:
                await asyncio.to_thread(ask)
            assert "AUTOINTEL_ARTIFACTS_URL" in caught.value.remedy
            assert "only-on-loopback" not in str(caught.value)
            assert "\n" not in str(caught.value)
        acquired.files[0].path.unlink()
        with pytest.raises(ArtifactsUnreachable, match=reason):
            await run.bring(acquired)
        assert not (run.folder / "artifacts").exists()

    async def test_a_bucket_that_is_not_there(self, machine: Callable[..., Settings]) -> None:
        settings = machine("one").model_copy(update={"artifacts_url": "s3://nobodys/here"})
        await self.assert_unreachable(settings, "there is no such bucket")

    async def test_a_key_that_is_refused(
        self, machine: Callable[..., Settings], s3: S3Server
    ) -> None:
        with s3.knowing_nobody():
            await self.assert_unreachable(machine("one"), "the key is not known there")

    async def test_a_server_that_is_away(
        self, machine: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        settings = machine("one").model_copy(update={"network_timeout": 0.1})
        await self.assert_unreachable(settings, "no connection")

    async def test_a_server_that_says_nothing(
        self, machine: Callable[..., Settings], s3: S3Server
    ) -> None:
        settings = machine("one").model_copy(update={"network_timeout": 0.1})
        s3.pause()
        try:
            await self.assert_unreachable(settings, "no answer in time")
        finally:
            s3.resume()

    @pytest.mark.parametrize("address", ["127.0.0.1:9", "", "http://", "http:///", "ftp://x"])
    async def test_an_address_that_is_none(
        self, address: str, machine: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        run = run_on(machine("one"))
        with pytest.raises(ArtifactsUnreachable, match="is no address"):
            run.artifacts.write("transcription", "k", transcript())

    def test_a_server_that_is_away_for_a_moment_is_waited_for(
        self, machine: Callable[..., Settings], server: S3Server
    ) -> None:
        settings = machine("one").model_copy(update={"network_timeout": 20.0})
        store = run_on(settings).artifacts
        store.write("transcription", "before", transcript())
        server.stop()
        later = threading.Timer(0.5, server.start)
        later.start()
        store.write("transcription", "after", transcript())
        later.join()
        other = run_on(machine("two")).artifacts
        assert other.read("transcription", "after", Transcript) is not None

    def test_a_stage_whose_artifact_is_not_in_the_bucket_is_not_done(
        self, machine: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        store = run_on(machine("one")).artifacts
        with pytest.raises(ArtifactsUnreachable):
            store.write("transcription", "k", transcript())
        assert not store.folder.exists()


@pytest.mark.parametrize(
    "url",
    ["https://bucket/x", "s3://", "s3:///x", "s3://bucket/../x", "s3://bucket//x", "s3://B u/x"],
)
def test_a_url_that_names_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="AUTOINTEL_ARTIFACTS_URL"):
        load_settings(AUTOINTEL_ARTIFACTS_URL=url)
