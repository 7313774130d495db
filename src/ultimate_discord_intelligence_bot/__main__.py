"""``python -m ultimate_discord_intelligence_bot`` is the command ``autointel``."""

from .cli import main

main()
