"""Reports: daily figures collected from the platforms, and what is answered of them."""
