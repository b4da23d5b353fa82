"""The optional settings of a creation: what all platforms check and word alike."""
