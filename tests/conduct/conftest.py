"""These tests name CrewAI's own classes: it is imported as the product imports it, in silence."""

from ultimate_discord_intelligence_bot.llm.quiet import import_crewai

import_crewai()
