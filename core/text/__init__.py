"""Text: sentence table, readers, tokenizer, sampling, batches."""
