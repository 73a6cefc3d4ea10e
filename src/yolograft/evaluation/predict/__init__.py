"""Trained detectors run on images, videos and cameras: what is read, found, drawn and written."""
