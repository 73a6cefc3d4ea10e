"""What a task (detection) means: head, losses, metrics, label columns."""
