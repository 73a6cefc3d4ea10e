"""The page of `yolograft data`: what is in a data set, and what is wrong with it."""
