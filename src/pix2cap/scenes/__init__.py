"""Rendered scenes with exact masks and true captions."""
