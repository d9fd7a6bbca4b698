"""The model: XLM-R's encoder, its heads, the memory of keys, and InfoXLM, which holds them together."""
