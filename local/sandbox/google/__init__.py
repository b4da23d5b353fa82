"""Google Ads as the vendor's gRPC client sees it."""
