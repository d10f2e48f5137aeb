"""Captions for every pixel: annotate, review, publish, score and train on panoptic captions."""

__version__ = "0.1.0"
