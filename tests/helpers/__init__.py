"""What several tests share: made data sets and runs, stand-ins, and programs that tests start."""
