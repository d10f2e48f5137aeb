"""Whole datasets: validate and more."""
