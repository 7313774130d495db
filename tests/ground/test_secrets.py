"""No secret is kept with a run."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from ultimate_discord_intelligence_bot.events import EventStream
from ultimate_discord_intelligence_bot.models.media import Locator
from ultimate_discord_intelligence_bot.plans import plan_for
from ultimate_discord_intelligence_bot.runner import StageRunner
from ultimate_discord_intelligence_bot.runs import Run
from ultimate_discord_intelligence_bot.settings import SECRETS, Depth, Settings


def test_the_folder_of_a_run_holds_no_secret(settings: Settings, tmp_path: Path) -> None:
    secrets = {name: SecretStr(f"hidden-{name}") for name in SECRETS}
    secrets["proxy"] = "http://user:hidden@127.0.0.1:1"  # type: ignore[assignment]
    settings = settings.model_copy(update=secrets)
    run = Run(Locator(kind="web", value="https://a.example/1"), Depth.DEEP, settings)
    runner = StageRunner(run, plan_for(run.depth, settings), {}, EventStream())
    run.leave_card(tmp_path / "out")
    run.leave_profile(runner.profile(0.0, "failed"))
    run.name_speakers({"1": "Ada"})
    kept = [path for path in run.folder.rglob("*") if path.is_file()]
    assert len(kept) == 3
    for path in kept:
        assert b"hidden" not in path.read_bytes()


def test_settings_show_no_secret() -> None:
    settings = Settings().model_copy(
        update={name: SecretStr(f"hidden-{name}") for name in SECRETS},
    )
    assert "hidden" not in f"{settings} {settings!r} {settings.model_dump_json()}"
