"""The CDK application: stacks by capability, made of constructs that each know one thing."""
