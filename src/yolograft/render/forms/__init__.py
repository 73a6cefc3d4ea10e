"""A comparison in the forms in which people read, paste, show and compute with it: one file each."""
