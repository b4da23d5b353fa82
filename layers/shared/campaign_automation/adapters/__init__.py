"""One adapter per ad platform, all with the contract of base.py."""
