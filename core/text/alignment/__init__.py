"""Statistical word alignment: lexical translation by expectation maximisation, and links from both directions."""
