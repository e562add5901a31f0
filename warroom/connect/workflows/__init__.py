"""Services that run workflows, such as GitHub Actions: one module each, as a ``WorkflowRunner``."""
