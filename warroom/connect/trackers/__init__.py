"""Issue trackers: action items are issues there. Each is a module beside this one; none imports another."""
