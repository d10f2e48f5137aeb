"""Tasks made of metrics: panoptic segmentation-captioning."""
