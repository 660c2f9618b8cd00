"""Text encoders: lists of texts to vectors."""
