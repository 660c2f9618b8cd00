"""Encoders: scikit-learn transformers, one per file, in a folder per modality."""
