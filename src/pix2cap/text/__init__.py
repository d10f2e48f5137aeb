"""Words: class names, colour and side words, languages, tokens."""
