"""From run folders to knowledge: collect, group into variants, compare."""
