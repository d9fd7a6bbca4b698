"""Runs that are killed, doubled, moved, copied, requeued and starved, many times over, from one seed.

    python -m tests.chaos --times 200 --seed 1 --out docs/reliability.json

Each time a run of a few steps is disturbed in one way at a random moment, and goes on until it has finished. Then it
must have the numbers of an undisturbed run, every step once, nothing half written, and nobody may have seen it lost
while its process lived, or alive when that was gone. The table goes to standard output, the counts to a JSON file.
"""
