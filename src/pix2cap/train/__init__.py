"""Training, evaluation and prediction with the panoptic captioner."""
