"""Twenty-five claims about a faithful InfoXLM, numbered in the order in which one would doubt them.

"Released" is what the code of Chi et al. (2021) does. Claims about released weights need a checkpoint in safetensors:
`PARALLAX_XLMR_BASE` names a folder (or hub name) of XLM-R base, `PARALLAX_INFOXLM_BASE` one of InfoXLM base.
"""
