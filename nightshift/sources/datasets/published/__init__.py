"""Readers of the layouts in which this field publishes its data sets, each turned into a catalogue, events
and a mapping."""
