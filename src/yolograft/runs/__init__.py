"""What a run is on disk: its specification, record, identity and lock. No torch."""
