"""Plots over time: fixed-size histories, and the widgets that draw them."""
