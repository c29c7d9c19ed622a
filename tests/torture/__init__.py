"""Long runs of what must never go wrong: ``make torture`` at full counts, the suite at counts that fit it."""
