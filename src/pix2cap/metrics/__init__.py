"""Metrics as pure functions on arrays and strings: panoptic quality, matching, captions, mAP."""
