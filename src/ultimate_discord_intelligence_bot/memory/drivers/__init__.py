"""One module for each product that can be a store."""
