"""The one error tree. Every error says what happened and what to do about it."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path
from typing import ClassVar


class AutointelError(Exception):
    """Something a user can understand and mend.

    Attributes:
        code: stable machine-readable name, part of the ``--json`` contract.
        message: what happened, one sentence.
        remedy: what the reader should do next, one sentence.
    """

    code: ClassVar[str] = "error"
    default_remedy: ClassVar[str] = "Run `autointel doctor` and read what it says."

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy or self.default_remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}"

    def __reduce__(self) -> tuple[type[AutointelError], tuple[str, str]]:
        """Survive the way back from a worker process."""
        return type(self), (self.message, self.remedy)


# -- settings ---------------------------------------------------------------------------


class SettingsError(AutointelError):
    """A setting has a value that cannot be used."""

    code = "bad_setting"
    default_remedy = "Correct it in the environment or in .env; see .env.example."


class EvaluationFileInvalid(AutointelError):
    """A labelled file that cannot be read or understood."""

    code = "bad_evaluation_file"
    default_remedy = "`autointel evaluate --help` shows what a file should look like."


# -- what the user gave us ------------------------------------------------------------------


class InputError(AutointelError):
    """The link or file itself cannot be used."""

    code = "bad_input"
    default_remedy = "Give an http(s) link, or the path of an audio, video, VTT or SRT file."


class UnsupportedScheme(InputError):
    """A URL with a scheme other than http or https."""

    code = "unsupported_scheme"
    default_remedy = "Use a link that starts with https:// or http://."


class ListLink(InputError):
    """A playlist, channel or feed where one recording was expected."""

    code = "list_link"
    default_remedy = "Say which of them: --limit 5, --since 2026-01-31, or the link of one of them."


class RunUnknown(InputError):
    """A name that stands for no run, or for several."""

    code = "run_unknown"
    default_remedy = "Give the link, the file, or the run's id as its briefing names it."


class JobUnknown(InputError):
    """An id that stands for no job, or for several."""

    code = "job_unknown"
    default_remedy = "`autointel jobs list` shows the jobs and their ids."


class NotAllowed(InputError):
    """Something that this person may not do, or not here, or not now."""

    code = "not_allowed"
    default_remedy = "Ask somebody who runs this server."


class QuotaReached(InputError):
    """A member or a guild of Discord has used what they may use within 24 hours."""

    code = "quota_reached"
    default_remedy = "Ask again later; an admin can change what a server allows with /settings."


class BatchUnknown(InputError):
    """A name or a list that stands for no batch."""

    code = "batch_unknown"
    default_remedy = "Begin one with `autointel batch FILE`."


class NameUnknown(InputError):
    """A name that stands for nobody and nothing remembered, or for one where two are meant."""

    code = "name_unknown"
    default_remedy = "`autointel timeline NAME` shows who and what is known, by name and alias."


class FileMissing(InputError):
    """A local path that does not lead to a readable file."""

    code = "file_missing"
    default_remedy = "Check the path; quote it if it contains spaces."


class NotMedia(InputError):
    """A file that is empty, damaged, or something else than its name says."""

    code = "not_media"
    default_remedy = "Open it in a player to check it, then download or export it again."


class BadCaptions(InputError):
    """A caption file that cannot be read as WebVTT, SRT, json3 or TTML."""

    code = "bad_captions"
    default_remedy = "Save it as UTF-8 WebVTT (.vtt) or SubRip (.srt) and try again."


class DocumentRefused(InputError):
    """A document that cannot be taken into the library."""

    code = "document_refused"
    default_remedy = "Save it anew as text, Markdown, HTML or PDF and add that."


class DocumentUnknown(InputError):
    """A path or id that stands for no document of the library, or for several."""

    code = "document_unknown"
    default_remedy = "`autointel knowledge list` shows what is there."


# -- acquisition --------------------------------------------------------------------------


class AcquisitionError(AutointelError):
    """The link is fine as a link, but its media could not be had."""

    code = "acquisition_failed"
    default_remedy = "Open the link in a browser; if it plays there, try again later."


class HostUnknown(AcquisitionError):
    """The host name does not resolve."""

    code = "host_unknown"
    default_remedy = "Check the spelling of the link and your network connection."


class NotFound(AcquisitionError):
    """HTTP 404 or 410, or a removed item."""

    code = "not_found"
    default_remedy = "Check the link; the item may have been removed."


class Removed(NotFound):
    """The item was there and is gone: deleted by its owner or taken down by the site."""

    code = "removed"
    default_remedy = "It cannot be had any more; look for another copy of the recording."


class AccessDenied(AcquisitionError):
    """HTTP 401 or 403, and everything else that needs rights we do not have."""

    code = "access_denied"
    default_remedy = "Use a link that is public; this one needs rights we do not have."


class Private(AccessDenied):
    """Its owner lets only chosen people see it."""

    code = "private"
    default_remedy = "Ask its owner to make it public or unlisted, or give the file itself."


class MembersOnly(AccessDenied):
    """Only for paying members or subscribers."""

    code = "members_only"
    default_remedy = "If you are a member, set AUTOINTEL_COOKIES_FILE to the cookies of your login."


class LoginRequired(AccessDenied):
    """An age or login wall."""

    code = "login_required"
    default_remedy = "Set AUTOINTEL_COOKIES_FILE to the cookies of a login that may see it."


class GeoBlocked(AccessDenied):
    """Not shown in the country that we are in."""

    code = "geo_blocked"
    default_remedy = "Set AUTOINTEL_PROXY to a proxy in a country where it is shown."


class BotCheck(AccessDenied):
    """The site wants a proof of being human, or says that we ask too often."""

    code = "bot_check"
    default_remedy = "Wait an hour, or set AUTOINTEL_COOKIES_FILE to the cookies of a login there."


class DrmProtected(AccessDenied):
    """Encrypted by the site, to be played in its own player only."""

    code = "drm_protected"
    default_remedy = "Look for a copy without copy protection; this one cannot be downloaded."


class AddressRefused(AccessDenied):
    """The link leads to an address inside a network, which strangers must not reach through us."""

    code = "address_refused"
    default_remedy = "If you trust that host, add it to AUTOINTEL_ALLOWED_HOSTS."


class RedirectLoop(AcquisitionError):
    """The server redirects in a circle."""

    code = "redirect_loop"
    default_remedy = "Open the link in a browser and use the address you end up at."


class NoMediaFound(AcquisitionError):
    """A page without audio or video."""

    code = "no_media_found"
    default_remedy = "Use the link of the video or audio itself, or download it and give the file."


class UnsupportedSite(NoMediaFound):
    """A site that nobody taught us to read."""

    code = "unsupported_site"


class NotYetLive(NoMediaFound):
    """A broadcast that has not begun or not ended yet."""

    code = "not_yet_live"
    default_remedy = "Try again when it has ended."


class TooLarge(AcquisitionError):
    """More bytes than the settings allow."""

    code = "too_large"
    default_remedy = "Raise AUTOINTEL_MAX_DOWNLOAD_MB, or give a smaller file."


class TooLong(TooLarge):
    """A longer duration than the settings allow."""

    code = "too_long"
    default_remedy = "Raise AUTOINTEL_MAX_DURATION_HOURS, or give a part of it."


class NetworkFailed(AcquisitionError):
    """Connection refused, reset, timed out, or a server error."""

    code = "network_failed"
    default_remedy = "Check the network connection and try again; what is done is kept."


# -- transcription ------------------------------------------------------------------------


class TranscriptionError(AutointelError):
    """No usable transcript."""

    code = "transcription_failed"
    default_remedy = "Give a caption file (VTT or SRT) of the same recording instead."


class NoAudio(TranscriptionError):
    """A video without a sound track."""

    code = "no_audio"
    default_remedy = "Use a version with sound, or give its captions (VTT or SRT)."


class NoSpeech(TranscriptionError):
    """A recording in which nobody speaks."""

    code = "no_speech"
    default_remedy = "Check that this is the right recording and that its sound is not muted."


class ModelMissing(TranscriptionError):
    """The weights of a speech model are not on this machine."""

    code = "model_missing"


class ModelUnreachable(ModelMissing):
    """The weights could not be fetched from the model hub."""

    code = "model_unreachable"


# -- analysis -------------------------------------------------------------------------------


class LanguageUnsupported(AutointelError):
    """The local analysts do not know the language of the recording."""

    code = "language_unsupported"
    default_remedy = "The transcript is complete; set AUTOINTEL_LANGUAGE if it was misjudged."


class TranscriptUncertain(AutointelError):
    """The transcript is a low-accuracy one, on which no exact statement may rest."""

    code = "transcript_uncertain"
    default_remedy = "Give captions of the recording, or install a better speech model."


# -- language models ------------------------------------------------------------------------


class LanguageModelError(AutointelError):
    """The configured language model gave no usable answer."""

    code = "language_model_failed"
    default_remedy = "The local analysts took over; the same command asks the model again."


class ModelRefused(LanguageModelError):
    """The provider does not accept our requests: key, model name or parameters are wrong."""

    code = "language_model_refused"
    default_remedy = "Check AUTOINTEL_LLM, its key and AUTOINTEL_LLM_BASE_URL."


class ModelUnavailable(LanguageModelError):
    """The provider is down, too slow, or keeps asking us to wait."""

    code = "language_model_unavailable"


class PromptTooLong(LanguageModelError):
    """More text than the model can read at once."""

    code = "prompt_too_long"
    default_remedy = "Set AUTOINTEL_LLM_CONTEXT to what the model can really read, in tokens."


class AnswerInvalid(LanguageModelError):
    """An answer that is not what was asked for, after one attempt to have it repaired."""

    code = "answer_invalid"
    default_remedy = "The local analysts took over; a larger model follows instructions better."


class BudgetExhausted(LanguageModelError):
    """The next question could cost more than what is left for this run."""

    code = "budget_exhausted"
    default_remedy = "Raise AUTOINTEL_LLM_BUDGET; what was paid for is kept."


# -- verification -----------------------------------------------------------------------------


class SourceFailed(AutointelError):
    """A source of evidence could not be asked."""

    code = "source_failed"
    default_remedy = "The verdicts rest on the other sources; run it again later to ask this one."


# -- storage --------------------------------------------------------------------------------


class StorageError(AutointelError):
    """The data folder, or something in it, cannot be used."""

    code = "storage_failed"
    default_remedy = "Check the data folder (AUTOINTEL_DATA_DIR)."


class DiskFull(StorageError):
    """No space left; nothing half-written is kept."""

    code = "disk_full"
    default_remedy = "Free some space, or point AUTOINTEL_DATA_DIR to a larger disk; then repeat."


class NotWritable(StorageError):
    """The data folder cannot be created or written to."""

    code = "not_writable"
    default_remedy = "Make it writable, or point AUTOINTEL_DATA_DIR to a folder that is."


class DataFolderInUse(StorageError):
    """Another process owns the embedded stores."""

    code = "data_folder_in_use"
    default_remedy = "Wait for it to end, or use another AUTOINTEL_DATA_DIR."


class ServiceGone(StorageError):
    """The process that had the memory open has ended."""

    code = "service_gone"
    default_remedy = "Repeat the command."


class BriefingGone(StorageError):
    """The files of a briefing were removed: forgotten, or older than they are kept."""

    code = "briefing_gone"
    default_remedy = "Ask for its link again."


class LibraryBusy(StorageError):
    """What is remembered or was written cannot be had in time."""

    code = "library_busy"
    default_remedy = "Try again in a minute."


class JobsUnreachable(StorageError):
    """The database of the jobs cannot be had."""

    code = "jobs_unreachable"
    default_remedy = "Check AUTOINTEL_DATABASE_URL and that the server runs; nothing is lost."


class ArtifactsUnreachable(StorageError):
    """The bucket of the artifacts gives no usable answer, or not in time."""

    code = "artifacts_unreachable"
    default_remedy = (
        "Check AUTOINTEL_ARTIFACTS_URL, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY, and that the server runs; then repeat: what is done is kept."
    )


class WorkerRunning(StorageError):
    """A process has one worker at a time."""

    code = "worker_running"
    default_remedy = "Close the other one first."


class BotRunning(StorageError):
    """A data folder has one Discord bot at a time."""

    code = "bot_running"
    default_remedy = "End it first, or give this one an AUTOINTEL_DATA_DIR and a token of its own."


class EmbedderMismatch(StorageError):
    """The store was filled with vectors of another model."""

    code = "embedder_mismatch"
    default_remedy = (
        "`autointel memory reembed` makes them anew with this one; or use the version that wrote "
        "them."
    )


class VectorsUnreachable(StorageError):
    """The Qdrant server gives no usable answer, or not in time."""

    code = "vectors_unreachable"
    default_remedy = (
        "Check that Qdrant runs and that QDRANT_URL leads to it, such as http://localhost:6333; "
        "what is remembered is kept, and a repeat completes what was begun."
    )


class VectorsAccessDenied(StorageError):
    """The Qdrant server does not let us in, or not do what is needed."""

    code = "vectors_access_denied"
    default_remedy = "Check QDRANT_API_KEY; it must be allowed to write and to make collections."


class GraphInvalid(StorageError):
    """A graph that contradicts itself, or holds what no graph store can keep."""

    code = "bad_graph"
    default_remedy = "Nothing of it was written; run the recording again, or export it anew."


class GraphUnreachable(StorageError):
    """The Neo4j server gives no answer, or not in time."""

    code = "graph_unreachable"
    default_remedy = (
        "Check that Neo4j runs and that NEO4J_URI leads to it, such as neo4j://localhost:7687; "
        "what is remembered is kept, and a repeat completes what was begun."
    )


class GraphAccessDenied(StorageError):
    """The Neo4j server does not let us in, or not do what is needed."""

    code = "graph_access_denied"
    default_remedy = "Check NEO4J_USER and NEO4J_PASSWORD, and the rights of that user."


class GraphDatabaseUnknown(StorageError):
    """The Neo4j server has no database of that name."""

    code = "graph_database_unknown"
    default_remedy = "Set NEO4J_DATABASE to one that SHOW DATABASES lists, or leave it empty."


class BundleInvalid(InputError):
    """A file that is no bundle of a memory, or a damaged one."""

    code = "bundle_invalid"
    default_remedy = "Give a file that `autointel memory export` wrote."


# -- conduct --------------------------------------------------------------------------------


class StageTimedOut(AutointelError):
    """A stage took longer than its deadline."""

    code = "stage_timed_out"
    default_remedy = "Run it again: finished stages are kept. A shorter input also helps."


class StageCrashed(AutointelError):
    """A stage failed in a way nobody foresaw: a defect of ours."""

    code = "stage_crashed"
    default_remedy = "Run it again with AUTOINTEL_LOG_LEVEL=debug and report what it prints."


class WorkerDied(AutointelError):
    """A process of ours was killed or crashed while it worked."""

    code = "worker_died"
    default_remedy = "Try again; with AUTOINTEL_LOG_LEVEL=debug it says why."


class CommandCrashed(AutointelError):
    """A command failed in a way nobody foresaw: a defect of ours."""

    code = "command_crashed"
    default_remedy = StageCrashed.default_remedy


def rebuilt(code: str, message: str, remedy: str) -> AutointelError:
    """An error as another process described it."""
    kinds = [AutointelError]
    for kind in kinds:
        if kind.code == code:
            return kind(message, remedy)
        kinds += kind.__subclasses__()
    return AutointelError(message, remedy)


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def storage_error(error: OSError, path: Path) -> StorageError:
    """Translate a failed write below the data folder into the error a user understands."""
    if error.errno in _FULL:
        return DiskFull(f"The disk is full: {path} could not be written.")
    reason = error.strerror or str(error)
    return NotWritable(f"{path} cannot be written ({reason}).")


_UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def database_error(error: sqlite3.Error, path: Path, when_damaged: str) -> StorageError:
    """Translate what SQLite says about a file into the error a user understands.

    Primary result codes: https://www.sqlite.org/rescode.html

    Args:
        error: as SQLite raised it.
        path: the file.
        when_damaged: the remedy for a file that cannot be read any more.
    """
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return DiskFull(f"The disk is full: {path} could not be written.")
    if code in _UNWRITABLE:
        return NotWritable(f"{path} cannot be written ({error}).")
    if code in _DAMAGED:
        return StorageError(f"{path} is damaged ({error}).", when_damaged)
    if code == sqlite3.SQLITE_BUSY:
        return StorageError(
            f"{path} is being written by another process.", "Try again when that has ended."
        )
    return StorageError(f"{path} cannot be used ({error}).")
