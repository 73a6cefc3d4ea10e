"""Pictures of a comparison: drawn once with matplotlib, kept as PNG and SVG, shown on the page."""
