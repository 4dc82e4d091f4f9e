"""Our metrics against published libraries, where the definitions can be made to agree.

`pytest tests/bench/peers -rP` prints the differences that docs/agreement.md reports.
"""
