"""Explanations: what moved a prediction."""
