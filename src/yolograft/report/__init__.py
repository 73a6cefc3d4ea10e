"""From run folders to tables and pictures: collect, statistics, figures, renderers."""
