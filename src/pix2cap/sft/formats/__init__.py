"""Formats of other people's trainers: a module each, all of them plain data without torch."""
