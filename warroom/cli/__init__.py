"""How warroom starts: the verbs, what they print, how they end. Draws no screen, decides nothing."""
