"""GET /metrics: the scrape of Prometheus."""

from campaign_automation.api.prometheus import scrape_handler

lambda_handler = scrape_handler()
