"""From run folders to numbers: runs, variants, comparison, effects, cautions."""
