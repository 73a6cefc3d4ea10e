"""One file per source of data; each ends in a DataSpec."""
