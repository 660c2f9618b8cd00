"""Aisle: tell which aisle of a shop each product belongs in."""
