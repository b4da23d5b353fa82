"""Everything that stands in for AWS and for the ad platforms on one machine."""
