"""The stacks of an organisation's management account, and the locked bucket of its trail. See docs/topology.md."""
