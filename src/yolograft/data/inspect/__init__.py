"""What is in a data set: the numbers and samples behind `yolograft data`."""
