"""Fine-tuning of large multimodal models on region captions: exports for trainers, and our own training."""
