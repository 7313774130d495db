"""The one error tree. Every error says what happened and what to do about it."""

from __future__ import annotations

import errno
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


# -- what the user gave us ------------------------------------------------------------------


class InputError(AutointelError):
    """The link or file itself cannot be used."""

    code = "bad_input"
    default_remedy = "Give an http(s) link, or the path of an audio, video, VTT or SRT file."


class UnsupportedScheme(InputError):
    """A URL with a scheme other than http or https."""

    code = "unsupported_scheme"
    default_remedy = "Use a link that starts with https:// or http://."


class FileMissing(InputError):
    """A local path that does not lead to a readable file."""

    code = "file_missing"
    default_remedy = "Check the path; quote it if it contains spaces."


class NotMedia(InputError):
    """A file that is empty, damaged, or something else than its name says."""

    code = "not_media"
    default_remedy = "Open it in a player to check it, then download or export it again."


class BadCaptions(InputError):
    """A caption file that cannot be read as WebVTT or SRT."""

    code = "bad_captions"
    default_remedy = "Save it as UTF-8 WebVTT (.vtt) or SubRip (.srt) and try again."


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


class AccessDenied(AcquisitionError):
    """HTTP 401 or 403, private or members-only."""

    code = "access_denied"
    default_remedy = "Use a link that is public; this one needs rights we do not have."


class RedirectLoop(AcquisitionError):
    """The server redirects in a circle."""

    code = "redirect_loop"
    default_remedy = "Open the link in a browser and use the address you end up at."


class NoMediaFound(AcquisitionError):
    """A page without audio or video, or a site nobody knows how to read."""

    code = "no_media_found"
    default_remedy = "Use the link of the video or audio itself, or download it and give the file."


class TooLarge(AcquisitionError):
    """More bytes or a longer duration than the settings allow."""

    code = "too_large"
    default_remedy = "Raise AUTOINTEL_MAX_DOWNLOAD_MB or AUTOINTEL_MAX_DURATION_HOURS."


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


# -- analysis -------------------------------------------------------------------------------


class LanguageUnsupported(AutointelError):
    """The local analysts do not know the language of the recording."""

    code = "language_unsupported"
    default_remedy = "The transcript is complete; set AUTOINTEL_LANGUAGE if it was misjudged."


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


class EmbedderMismatch(StorageError):
    """The store was filled with vectors of another model."""

    code = "embedder_mismatch"
    default_remedy = "Use the version that wrote it, or a new AUTOINTEL_DATA_DIR."


# -- conduct --------------------------------------------------------------------------------


class StageTimedOut(AutointelError):
    """A stage took longer than its deadline."""

    code = "stage_timed_out"
    default_remedy = "Run it again: finished stages are kept. A shorter input also helps."


class StageCrashed(AutointelError):
    """A stage failed in a way nobody foresaw: a defect of ours."""

    code = "stage_crashed"
    default_remedy = "Run it again with AUTOINTEL_LOG_LEVEL=debug and report what it prints."


class CommandCrashed(AutointelError):
    """A command failed in a way nobody foresaw: a defect of ours."""

    code = "command_crashed"
    default_remedy = StageCrashed.default_remedy


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def storage_error(error: OSError, path: Path) -> StorageError:
    """Translate a failed write below the data folder into the error a user understands."""
    if error.errno in _FULL:
        return DiskFull(f"The disk is full: {path} could not be written.")
    reason = error.strerror or str(error)
    return NotWritable(f"{path} cannot be written ({reason}).")
