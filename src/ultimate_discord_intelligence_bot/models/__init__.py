"""Typed data that passes between the rooms: every artifact, and nothing that acts."""
