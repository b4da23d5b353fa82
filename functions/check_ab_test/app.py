"""The daily check of each test: {"tenant", "test_id", "scheduled_time"} in, the check's result out."""

from campaign_automation.tasks import check_ab_test, task

lambda_handler = task(check_ab_test)
