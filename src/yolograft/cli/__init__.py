"""The command line: which commands there are, one thin file for each."""
