"""Daily for each test: {"tenant", "test_id", "scheduled_time"} in, what was seen and done out."""

from campaign_automation.tasks import check_ab_test, task

lambda_handler = task(check_ab_test)
