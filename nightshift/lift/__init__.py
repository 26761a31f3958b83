"""What the features are worth: arms, metrics, intervals, slices and a verdict in words."""
