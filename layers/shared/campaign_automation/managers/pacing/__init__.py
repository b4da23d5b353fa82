"""Monthly budgets: what their campaigns will have spent, and the daily budgets that land on them."""
