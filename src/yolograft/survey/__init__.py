"""What is in a data set: read, counted, drawn, and shown on one page."""
