"""What command line, prompt and pages share: how people name things, and how things are shown to people."""
from awe.face.description import describe
from awe.face.everything import tell
from awe.face.lineage import lineage_tree
from awe.face.plans import plan_tree

__all__ = ["describe", "lineage_tree", "plan_tree", "tell"]
