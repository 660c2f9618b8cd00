"""What is in a catalogue, before any model: counts, distributions, terms, word clouds, examples."""
