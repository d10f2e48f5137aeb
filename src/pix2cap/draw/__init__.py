"""Pixels: palette, contours, mark placement, focal crops, overlays."""
