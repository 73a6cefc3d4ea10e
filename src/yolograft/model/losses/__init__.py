"""Losses: ultralytics' detection loss with a choice of box term."""
