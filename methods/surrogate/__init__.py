"""The attentive surrogate of Lee & Kim (2021): student, attention, explanation head and losses."""
