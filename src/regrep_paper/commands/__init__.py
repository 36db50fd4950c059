"""The commands of ``regrep``: each parses its words, and imports what it needs when it runs."""
