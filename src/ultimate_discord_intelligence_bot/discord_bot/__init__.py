"""The Discord bot: links in, briefings out."""
