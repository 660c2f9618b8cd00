"""The report: results are read once, sections turn them into blocks, the page renders the blocks."""
