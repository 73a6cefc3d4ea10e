"""How results look: terminal, Markdown, CSV, JSON, LaTeX, HTML pages, pictures."""
