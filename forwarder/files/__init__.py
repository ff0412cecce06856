"""Files that are kept with care: secrets, whole replacements, databases."""
