"""What a shared vocabulary costs each language, and how to share it: VoCap (Zheng et al. 2021)."""
