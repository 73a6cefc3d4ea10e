"""How results look: tables and columns, the forms of a report, HTML pages, pictures."""
