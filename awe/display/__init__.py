"""How objects, lineage and plans look to a person, at the prompt, in notebooks and on the command line."""
from awe.display.everything import tell
from awe.display.lineage import lineage_tree
from awe.display.objects import describe

__all__ = ["describe", "lineage_tree", "tell"]
