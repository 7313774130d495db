"""Every setting, once: its name, its meaning, its default.

Values come from the environment or from a ``.env`` file in the working directory.
``scripts/env_example.py`` writes ``.env.example`` from the fields below.
"""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from .errors import SettingsError


class Depth(StrEnum):
    """How much work a run does."""

    STANDARD = "standard"
    DEEP = "deep"
    COMPREHENSIVE = "comprehensive"
    EXPERIMENTAL = "experimental"


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "autointel"


_AMOUNT = r"\d+(?:\.\d+)?"
_BUDGET = rf"(?:{_AMOUNT}|(?:{'|'.join(Depth)})={_AMOUNT}(?:,(?:{'|'.join(Depth)})={_AMOUNT})*)"
_PART = rf"(?:runs=\d{{0,9}}|(?:minutes|dollars)=(?:{_AMOUNT})?)"
_QUOTA = rf"^{_PART}(?:,{_PART})*$"


class Settings(BaseSettings):
    """A snapshot of the configuration, taken when a run begins."""

    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, populate_by_name=True, env_ignore_empty=True
    )

    data_dir: Path = Field(
        default_factory=_default_data_dir,
        validation_alias="AUTOINTEL_DATA_DIR",
        description="Folder for runs, memory and caches. Default: ~/.local/share/autointel",
    )
    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = Field(
        "local",
        validation_alias="AUTOINTEL_TENANT",
        description="Whose memory is read and written; letters, digits, dot, dash, underscore.",
    )
    depth: Depth = Field(
        Depth.STANDARD,
        validation_alias="AUTOINTEL_DEPTH",
        description="Default depth: standard, deep, comprehensive or experimental.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning",
        validation_alias="AUTOINTEL_LOG_LEVEL",
        description="Lowest level of log lines on stderr: debug, info, warning or error.",
    )
    log_format: Literal["logfmt", "json"] = Field(
        "logfmt",
        validation_alias="AUTOINTEL_LOG_FORMAT",
        description="Form of log lines: logfmt for people, json (an object a line) for machines.",
    )
    metrics_address: str | None = Field(
        None,
        pattern=r"^(?:(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):)?\d{1,5}$",
        validation_alias="AUTOINTEL_METRICS_ADDRESS",
        description=(
            "Where worker, serve and bot answer /metrics and /healthz over HTTP: host:port, or a "
            "port of this machine's loopback; empty means nowhere. Processes of one machine need "
            "different ports; the bot that serve starts takes the next one."
        ),
    )
    traces_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        validation_alias="AUTOINTEL_TRACES_URL",
        description=(
            "An OpenTelemetry collector to send traces of runs to, as OTLP over HTTP, such as "
            "http://localhost:4318/v1/traces; empty sends nothing."
        ),
    )

    enable_parallel_autointel: bool = Field(
        True,
        validation_alias="ENABLE_PARALLEL_AUTOINTEL",
        description="Master switch: false runs every task one after another.",
    )
    enable_parallel_analysis: bool = Field(
        True,
        validation_alias="ENABLE_PARALLEL_ANALYSIS",
        description="Run the analysts of a recording side by side.",
    )
    enable_parallel_fact_checking: bool = Field(
        True,
        validation_alias="ENABLE_PARALLEL_FACT_CHECKING",
        description="Gather evidence from all places side by side.",
    )
    enable_parallel_memory_ops: bool = Field(
        True,
        validation_alias="ENABLE_PARALLEL_MEMORY_OPS",
        description="Write vector memory and graph memory side by side.",
    )

    enable_streamed_transcription: bool = Field(
        True,
        validation_alias="ENABLE_STREAMED_TRANSCRIPTION",
        description="Listen to a recording while it is still being downloaded.",
    )

    enable_pipelined_run: bool = Field(
        False,
        validation_alias="ENABLE_PIPELINED_RUN",
        description=(
            "Begin every stage as soon as what it reads is there, and read the transcript while it "
            "is being written, instead of group by group."
        ),
    )

    max_download_mb: int = Field(
        2048,
        ge=1,
        validation_alias="AUTOINTEL_MAX_DOWNLOAD_MB",
        description="Largest download, in megabytes.",
    )
    max_duration_hours: float = Field(
        12.0,
        gt=0,
        validation_alias="AUTOINTEL_MAX_DURATION_HOURS",
        description="Longest recording, in hours.",
    )
    network_timeout: float = Field(
        20.0,
        gt=0,
        le=600,
        validation_alias="AUTOINTEL_NETWORK_TIMEOUT",
        description="Seconds without an answer after which a connection is given up.",
    )
    download_retries: int = Field(
        4,
        ge=0,
        le=100,
        validation_alias="AUTOINTEL_DOWNLOAD_RETRIES",
        description="How often a download that broke off is continued, with growing pauses.",
    )
    downloads_per_host: int = Field(
        1,
        ge=1,
        le=64,
        validation_alias="AUTOINTEL_DOWNLOADS_PER_HOST",
        description="Downloads from one host at the same time, over all runs on this machine.",
    )
    rate_limit_kb: int = Field(
        0,
        ge=0,
        validation_alias="AUTOINTEL_RATE_LIMIT_KB",
        description="Most kilobytes per second for each download; 0 means no limit.",
    )
    cookies_file: Path | None = Field(
        None,
        validation_alias="AUTOINTEL_COOKIES_FILE",
        description=(
            "Cookies of a login, for links that need one: a file in Netscape format, as browser "
            "extensions export it. It is only read."
        ),
    )
    proxy: str | None = Field(
        None,
        pattern=r"^(?:https?|socks4a?|socks5h?)://\S+$",
        validation_alias="AUTOINTEL_PROXY",
        description=(
            "Proxy for all downloads, such as http://host:3128 or socks5h://host:1080. "
            "It must itself refuse addresses inside your network."
        ),
    )
    allowed_hosts: str = Field(
        "",
        validation_alias="AUTOINTEL_ALLOWED_HOSTS",
        description=(
            "Hosts inside your network that links may lead to, separated by commas: names, "
            "addresses or networks such as 192.168.1.0/24, each with :port where only that is "
            "meant. All other such addresses are refused."
        ),
    )
    whisper_model: str = Field(
        "auto",
        min_length=1,
        validation_alias="AUTOINTEL_WHISPER_MODEL",
        description=(
            "Speech model for media without captions: auto, a faster-whisper name (tiny, base, "
            "small, medium, large-v3, turbo) that `autointel models fetch` brought here, or a "
            "folder. auto means turbo on a GPU and small on a CPU."
        ),
    )
    whisper_device: Literal["auto", "cpu", "cuda"] = Field(
        "auto",
        validation_alias="AUTOINTEL_WHISPER_DEVICE",
        description="Where the speech model runs: auto, cpu or cuda.",
    )
    whisper_compute: Literal["auto", "float16", "int8_float16", "int8", "float32"] = Field(
        "auto",
        validation_alias="AUTOINTEL_WHISPER_COMPUTE",
        description="Number format of the speech model; auto: float16 on a GPU, int8 on a CPU.",
    )
    offline_asr: Literal["never", "fallback", "only"] = Field(
        "never",
        validation_alias="AUTOINTEL_OFFLINE_ASR",
        description=(
            "Whether the low-accuracy recogniser of the extra offline-asr may be used: never, "
            "fallback (when no speech model is here) or only. No exact quotes and no fact-checks "
            "rest on it."
        ),
    )
    diarization: bool = Field(
        False,
        validation_alias="AUTOINTEL_DIARIZATION",
        description="Estimate who speaks when captions do not say; good for few, distinct voices.",
    )
    language: str | None = Field(
        None,
        pattern=r"^[a-z]{2,3}$",
        validation_alias="AUTOINTEL_LANGUAGE",
        description="Spoken language as an ISO 639 code; empty means detect.",
    )
    qdrant_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        validation_alias="QDRANT_URL",
        description=(
            "A Qdrant server to keep the vectors in, such as http://localhost:6333; empty keeps "
            "them in the data folder."
        ),
    )
    qdrant_api_key: SecretStr | None = Field(
        None, validation_alias="QDRANT_API_KEY", description="The key of that server."
    )
    neo4j_uri: str | None = Field(
        None,
        pattern=r"^(?:bolt|neo4j)(?:\+s|\+ssc)?://\S+$",
        validation_alias="NEO4J_URI",
        description=(
            "A Neo4j server to keep the graph in, such as neo4j://localhost:7687; empty keeps it "
            "in the data folder."
        ),
    )
    neo4j_user: str = Field(
        "neo4j", min_length=1, validation_alias="NEO4J_USER", description="Its user."
    )
    neo4j_password: SecretStr | None = Field(
        None, validation_alias="NEO4J_PASSWORD", description="The password of that user."
    )
    neo4j_database: str | None = Field(
        None,
        validation_alias="NEO4J_DATABASE",
        description="The database there; empty means the one the user has as home.",
    )
    database_url: SecretStr | None = Field(
        None,
        validation_alias="AUTOINTEL_DATABASE_URL",
        description=(
            "A Postgres server to keep the jobs in, for several machines: "
            "postgresql://user:password@host/database; empty keeps them in the data folder."
        ),
    )
    artifacts_url: str | None = Field(
        None,
        pattern=r"^s3://[a-z0-9][a-z0-9.-]+[a-z0-9](?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*/?$",
        validation_alias="AUTOINTEL_ARTIFACTS_URL",
        description=(
            "An S3-compatible bucket to keep the artifacts in, for several machines: "
            "s3://bucket/prefix; empty keeps them in the data folder. Server and keys are those of "
            "AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION in the "
            "environment."
        ),
    )
    concurrent_runs: int | None = Field(
        None,
        ge=1,
        le=256,
        validation_alias="AUTOINTEL_CONCURRENT_RUNS",
        description=(
            "How many jobs a worker does at the same time; empty means one for each core, at least "
            "2 and at most 16, and fewer where there is less than 1 GB of memory and 384 MB for "
            "each. A worker that is short of memory begins another one only when it has none."
        ),
    )
    memory_mb: int | None = Field(
        None,
        ge=256,
        validation_alias="AUTOINTEL_MEMORY_MB",
        description=(
            "Most memory, in megabytes, that a process and those it starts should take; empty "
            "means what the machine and the container allow, less a tenth or 1 GB. What would not "
            "fit waits."
        ),
    )
    job_days: int = Field(
        30,
        ge=0,
        validation_alias="AUTOINTEL_JOB_DAYS",
        description="How many days workers remember jobs that have ended; 0 means for ever.",
    )
    gpu_queue: bool = Field(
        False,
        validation_alias="AUTOINTEL_GPU_QUEUE",
        description=(
            "Leave speech recognition to workers of the queue gpu. They must reach the same "
            "artifacts: the same folder, or AUTOINTEL_ARTIFACTS_URL."
        ),
    )
    runs_per_host: int = Field(
        4,
        ge=1,
        le=256,
        validation_alias="AUTOINTEL_RUNS_PER_HOST",
        description="Most jobs at the same time whose links lead to one host, over all workers.",
    )
    wikipedia: str = Field(
        "on",
        pattern=r"^(?:on|off|https?://\S+)$",
        validation_alias="AUTOINTEL_WIKIPEDIA",
        description=(
            "Whether evidence is sought in Wikipedia: on, off, or the base URL of another "
            "MediaWiki such as https://wiki.example.org/w; {language} in it stands for the "
            "language code."
        ),
    )
    searxng_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        validation_alias="AUTOINTEL_SEARXNG_URL",
        description="A SearXNG server to search the web with; it must offer the format json.",
    )
    tavily_api_key: SecretStr | None = Field(
        None,
        validation_alias="TAVILY_API_KEY",
        description="Key of Tavily, to search the web for evidence.",
    )
    exa_api_key: SecretStr | None = Field(
        None,
        validation_alias="EXA_API_KEY",
        description="Key of Exa, to search the web for evidence.",
    )
    serper_api_key: SecretStr | None = Field(
        None,
        validation_alias="SERPER_API_KEY",
        description="Key of Serper, to search the web for evidence.",
    )
    brave_api_key: SecretStr | None = Field(
        None,
        validation_alias="BRAVE_API_KEY",
        description="Key of Brave Search, to search the web for evidence.",
    )
    google_fact_check_api_key: SecretStr | None = Field(
        None,
        validation_alias="GOOGLE_FACT_CHECK_API_KEY",
        description="Key of the Google Fact Check Tools API, to find published fact-checks.",
    )
    evidence_dir: Path | None = Field(
        None,
        validation_alias="AUTOINTEL_EVIDENCE_DIR",
        description=(
            "Folder of OpenAPI descriptions (YAML or JSON) of services to seek evidence in. "
            "Default: evidence in the data folder."
        ),
    )
    embed_media_mb: float = Field(
        20.0,
        ge=0,
        validation_alias="AUTOINTEL_EMBED_MEDIA_MB",
        description="Media up to this size is put inside report.html; larger media is linked.",
    )

    llm: str | None = Field(
        None,
        pattern=r"^[a-z_]+/\S+$",
        validation_alias="AUTOINTEL_LLM",
        description=(
            "Language model as provider/model: openai/…, anthropic/…, gemini/…, openrouter/…, "
            "ollama/… and whatever else CrewAI reaches. Empty: the local analysts do all."
        ),
    )
    llm_api_key: SecretStr | None = Field(
        None,
        validation_alias="AUTOINTEL_LLM_API_KEY",
        description="Key for it; by default the provider's own variable, such as the next ones.",
    )
    openai_api_key: SecretStr | None = Field(
        None, validation_alias="OPENAI_API_KEY", description="Key for openai/…."
    )
    anthropic_api_key: SecretStr | None = Field(
        None, validation_alias="ANTHROPIC_API_KEY", description="Key for anthropic/…."
    )
    gemini_api_key: SecretStr | None = Field(
        None, validation_alias="GEMINI_API_KEY", description="Key for gemini/…."
    )
    openrouter_api_key: SecretStr | None = Field(
        None, validation_alias="OPENROUTER_API_KEY", description="Key for openrouter/…."
    )
    llm_base_url: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        validation_alias="AUTOINTEL_LLM_BASE_URL",
        description=(
            "Address of the model's server, such as http://localhost:8000/v1 for anything that "
            "speaks OpenAI's protocol (with openai/…)."
        ),
    )
    llm_context: int | None = Field(
        None,
        ge=2_000,
        validation_alias="AUTOINTEL_LLM_CONTEXT",
        description="Tokens that the model reads at once, where that is not known.",
    )
    llm_price: str | None = Field(
        None,
        pattern=r"^\d+(?:\.\d+)?/\d+(?:\.\d+)?$",
        validation_alias="AUTOINTEL_LLM_PRICE",
        description="US dollars for a million tokens, read/written, where not known: 0.15/0.60.",
    )
    llm_budget: str = Field(
        "standard=0.25,deep=1,comprehensive=3,experimental=5",
        pattern=rf"^{_BUDGET}$",
        validation_alias="AUTOINTEL_LLM_BUDGET",
        description=(
            "Most US dollars for the language model in one run: one number, or one for each depth."
        ),
    )
    llm_token_budget: int | None = Field(
        None,
        ge=0,
        validation_alias="AUTOINTEL_LLM_TOKEN_BUDGET",
        description="Most tokens, read and written, in one run; empty means no limit.",
    )
    llm_concurrency: int = Field(
        8,
        ge=1,
        le=256,
        validation_alias="AUTOINTEL_LLM_CONCURRENCY",
        description="Most requests to the model at once; fewer where it refuses or slows down.",
    )
    llm_requests_per_minute: int = Field(
        0,
        ge=0,
        validation_alias="AUTOINTEL_LLM_REQUESTS_PER_MINUTE",
        description="The provider's limit of requests a minute; 0 means none.",
    )
    llm_tokens_per_minute: int = Field(
        0,
        ge=0,
        validation_alias="AUTOINTEL_LLM_TOKENS_PER_MINUTE",
        description="The provider's limit of tokens a minute; 0 means none.",
    )
    llm_timeout: float = Field(
        120.0,
        gt=0,
        le=3_600,
        validation_alias="AUTOINTEL_LLM_TIMEOUT",
        description="Seconds after which one request to the model is given up and made again.",
    )
    llm_patience: float = Field(
        120.0,
        ge=0,
        le=3_600,
        validation_alias="AUTOINTEL_LLM_PATIENCE",
        description=(
            "Seconds to wait for a model that is down or asks us to wait; then the local analysts "
            "take over."
        ),
    )
    defer_graph: bool = Field(
        False,
        validation_alias="AUTOINTEL_DEFER_GRAPH",
        description="Deliver the briefing before the graph is written; it is written right after.",
    )
    retention_days: int = Field(
        0,
        ge=0,
        validation_alias="AUTOINTEL_RETENTION_DAYS",
        description=(
            "Recordings that were not run for so many days are forgotten, with their folders; 0 "
            "keeps everything."
        ),
    )
    verdict_days: int = Field(
        30,
        ge=0,
        validation_alias="AUTOINTEL_VERDICT_DAYS",
        description="How many days a verdict may be used again for the same claim; 0 means never.",
    )
    discord_token: SecretStr | None = Field(
        None,
        validation_alias="DISCORD_BOT_TOKEN",
        description="Token of the Discord application; `autointel bot` says how to get one.",
    )
    discord_user_quota: str = Field(
        "runs=20,minutes=600,dollars=5",
        pattern=_QUOTA,
        validation_alias="AUTOINTEL_DISCORD_USER_QUOTA",
        description=(
            "Most recordings, minutes of them, and US dollars for the language model that a "
            "member may use on Discord within 24 hours; nothing after the sign, as in runs=, means "
            "no limit."
        ),
    )
    discord_guild_quota: str = Field(
        "runs=100,minutes=3000,dollars=25",
        pattern=_QUOTA,
        validation_alias="AUTOINTEL_DISCORD_GUILD_QUOTA",
        description=(
            "The same for all members of a Discord server together; its admins may allow less."
        ),
    )

    @property
    def llm_key(self) -> SecretStr | None:
        """The key for the configured model, where one is set."""
        provider = (self.llm or "").partition("/")[0]
        own = getattr(self, f"{provider}_api_key", None) if provider else None
        return self.llm_api_key or own

    def llm_dollars(self, depth: Depth) -> float | None:
        """Most US dollars for the language model in a run of a depth; None means no limit."""
        amounts = dict(part.rpartition("=")[::2] for part in self.llm_budget.split(","))
        amount = amounts.get(depth, amounts.get(""))
        return None if amount is None else float(amount)

    @property
    def streams(self) -> bool:
        """Whether a recording is listened to while it is downloaded."""
        return self.enable_parallel_autointel and self.enable_streamed_transcription

    @property
    def pipelines(self) -> bool:
        """Whether stages begin without waiting for those that they do not read."""
        return self.enable_parallel_autointel and self.enable_pipelined_run

    def parallel(self, group: str) -> bool:
        """Whether the tasks of a group may run side by side."""
        if not self.enable_parallel_autointel:
            return False
        return bool(getattr(self, f"enable_parallel_{group}"))


SECRETS = frozenset(
    name for name, field in Settings.model_fields.items() if field.annotation == SecretStr | None
)
"""Settings that hold a key."""


def load_settings(**overrides: Any) -> Settings:
    """Read the settings now.

    Args:
        overrides: values by environment name that win over the environment.

    Raises:
        SettingsError: naming the setting, its value and the remedy.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    parts = []
    for item in error.errors():
        name = str(item["loc"][0]) if item["loc"] else "settings"
        parts.append(f"{name}={item.get('input')!r} cannot be used: {item['msg']}.")
    return " ".join(parts)
