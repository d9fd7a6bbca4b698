"""Speed, memory and accuracy beside peers, as ratios."""
