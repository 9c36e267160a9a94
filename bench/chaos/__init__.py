"""`make chaos`: faults with a crowd on the portal, and what came of them."""
