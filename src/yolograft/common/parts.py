"""The names of a detector's parts, in the order in which an image passes through them."""

PARTS = ("backbone", "context", "neck", "head")
"""Each is a config group, a child of the model and a count of parameters."""

ATTENTION = "attention"
"""The config group of what may be put between the parts: children of the model, and a count, only where it is used."""

MODEL_GROUPS = (*PARTS, ATTENTION, "loss")
"""The config groups whose options become part of a model by their `_target_`."""
