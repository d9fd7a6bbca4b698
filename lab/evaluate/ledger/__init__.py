"""The ledger: what a run's tasks show of the information in its text, beside ceiling and truth, in nats.

MMLM and TLM are read on held-out sentences, XLCO on translations of meanings that the run has never seen. Any
critic gives a valid lower bound on text that did not train it; how it was trained only decides how tight it is.
"""
