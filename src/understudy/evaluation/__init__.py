"""What a model is worth: its quality, what it did to trust, its speed, size and cost.

Models come in as `Predictor`s, rows of answers go to `predictions.parquet`, numbers to
`scorecard.json`. Every number of quality and trust is a function of those rows alone.
"""
