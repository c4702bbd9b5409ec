"""The only boto3: one small module per service, each speaking the stages' records and never a bare dict."""
