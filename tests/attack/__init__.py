"""Attacks on a whole mesh: what a stranger or a greedy caller may try, and what holds.

Each test is a row of the table in SECURITY.md. The short form runs with the other tests; `make attack` repeats each
of them many times over.
"""
