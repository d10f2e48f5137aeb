"""The pipeline: plan, prompt, ask, parse, check, ask again, journal, export."""
