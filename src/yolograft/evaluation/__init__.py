"""What a trained model is worth: validation, predictions, pictures."""
