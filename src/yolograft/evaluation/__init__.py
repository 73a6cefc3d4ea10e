"""What a trained model is worth and does: validation, prediction, pictures, ultralytics' `YOLO` around it."""
