"""Who works with a deployment, and what each of them may do: `personas` → `rights` and `guards`, over an `Estate`."""
