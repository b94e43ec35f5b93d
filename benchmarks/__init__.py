"""Benchmarks: llmspell beside named yardsticks and peers, all in one run.

``python -m benchmarks`` measures, ``python -m benchmarks.page`` renews ``docs/performance.md``.
"""
