"""Ground that every room stands on: files, text, errors, parsing. No torch, no Hydra."""
