"""The optional settings of a creation on Google: what it takes, how it is asked, how it is read back."""
