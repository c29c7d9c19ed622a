"""Activity: everything long, under way, waiting and finished (being written by the lead; the Machine page too)."""
