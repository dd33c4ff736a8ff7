"""Bytes to a Document: what a page says, before anyone asks which form it is."""
