"""Files to core and back: `read_*`/`write_*` pairs, one format a file."""
