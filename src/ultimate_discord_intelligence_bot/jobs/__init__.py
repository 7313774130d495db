"""Durable runs, alone and in batches: lists of links, the engine, what became of them."""
