"""`python -m pipeline.cli` is the `throughline` command."""

from pipeline.cli import main

main()
