"""Who spends the Salesforce API allowance, and what to change first."""
