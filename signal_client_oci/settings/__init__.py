"""The settings of one instance: the form, the model, and the reading of what was typed."""
