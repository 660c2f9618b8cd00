"""Picture encoders: batches of RGB pictures to vectors."""
