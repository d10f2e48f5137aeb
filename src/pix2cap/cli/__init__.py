"""The command line: one file a command, each a thin cover of a public function."""
