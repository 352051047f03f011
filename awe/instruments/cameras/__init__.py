"""The instrument files of the cameras that come with `awe`."""
