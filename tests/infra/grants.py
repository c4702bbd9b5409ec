"""What every role may do, in full: action, and the resources that it is for."""

from __future__ import annotations

TRACING = {"xray:PutTelemetryRecords": {"*"}, "xray:PutTraceSegments": {"*"}}
READ_KEY = {"kms:Decrypt": {"Key"}}
USE_KEY = {**READ_KEY, "kms:GenerateDataKey": {"Key"}}
PACKAGES = {"sagemaker:model-package/noriba-taxi-eta/*"}
PRODUCTION = {"sagemaker:endpoint/noriba-taxi-eta"}
STAGING = {"sagemaker:endpoint/noriba-taxi-eta-staging-*"}
MODELS = {"sagemaker:model/noriba-taxi-eta-*"}
CONFIGURATIONS = {"sagemaker:endpoint-config/noriba-taxi-eta-*"}

WORKGROUP = "athena:workgroup/noriba"
TABLES = {f"glue:table/CatalogueDatabase/{table}" for table in ("predictions", "outcomes")}

QUERIES: dict[str, set[str]] = {
    "athena:StartQueryExecution": {WORKGROUP},
    "athena:StopQueryExecution": {WORKGROUP},
    "athena:GetQueryExecution": {WORKGROUP},
    "athena:GetDataCatalog": {"athena:datacatalog/AwsDataCatalog"},
    "glue:GetDatabase": {"glue:catalog", "glue:database/CatalogueDatabase", *TABLES},
    "glue:GetTable": {"glue:catalog", "glue:database/CatalogueDatabase", *TABLES},
    "s3:GetObject": {f"ObservationsBucket/{folder}/*" for folder in ("predictions", "outcomes", "results")},
    "s3:ListBucket": {"ObservationsBucket"},
    "s3:GetBucketLocation": {"ObservationsBucket"},
    "s3:PutObject": {"ObservationsBucket/results/*"},
    **USE_KEY,
}

IMAGES = {"ecr:repository/cdk-hnb659fds-container-assets-<AWS::AccountId>-<AWS::Region>"}

FUNCTIONS: dict[str, dict[str, set[str]]] = {
    "PlanIngest": {
        "s3:GetObjectVersion": {"RawBucket/*"},
        "dynamodb:GetItem": {"Ledger"},
        "dynamodb:PutItem": {"Ledger"},
        **USE_KEY,
    },
    "TransformFeatures": {
        "s3:GetObject": {"DatasetsBucket/*"},
        "s3:GetObjectVersion": {"RawBucket/*"},
        "s3:PutObject": {"DatasetsBucket/*", "QuarantineBucket/*"},
        **USE_KEY,
    },
    "CommitSnapshot": {
        "s3:GetObject": {"DatasetsBucket/*"},
        "s3:ListBucket": {"DatasetsBucket"},
        "s3:PutObject": {"DatasetsBucket/*"},
        "dynamodb:PutItem": {"Ledger"},
        "dynamodb:Query": {"Ledger"},
        "dynamodb:UpdateItem": {"Ledger"},
        **USE_KEY,
    },
    "FindUnsettled": {
        "dynamodb:GetItem": {"Ledger"},
        "dynamodb:Query": {"Ledger"},
        "states:DescribeExecution": {"states:execution:<IngestMachine.Name>:*"},
        **USE_KEY,
    },
    "RefuseObject": {
        "s3:PutObject": {"QuarantineBucket/*"},
        "dynamodb:UpdateItem": {"Ledger"},
        **USE_KEY,
    },
    "DecideRetraining": {
        "s3:GetObject": {"DatasetsBucket/*"},
        "dynamodb:GetItem": {"Ledger"},
        "dynamodb:PutItem": {"Ledger"},
        "dynamodb:Query": {"Ledger"},
        "events:PutEvents": {"Bus"},
        "states:DescribeExecution": {"states:execution:<TrainMachine.Name>:*"},
        "sqs:SendMessage": {"DeadLettersQueue"},
        **USE_KEY,
    },
    "RegisterCandidate": {
        "s3:GetObject": {"ModelsBucket/*"},
        "s3:PutObject": {"ModelsBucket/features/*"},
        "ecr:BatchGetImage": IMAGES,
        "ecr:DescribeImages": IMAGES,
        "sagemaker:CreateModelPackage": {"GroupTaxiEta", *PACKAGES},
        "sagemaker:DescribeModelPackage": PACKAGES,
        "sagemaker:UpdateModelPackage": PACKAGES,
        "dynamodb:PutItem": {"Ledger"},
        **USE_KEY,
    },
    "CheckGoldenRequests": {
        "s3:GetObject": {"ModelsBucket/*"},
        "sagemaker:InvokeEndpoint": STAGING,
        **READ_KEY,
    },
    "JudgeRollout": {
        "s3:GetObject": {"CapturesBucket/*", "OutcomesBucket/*"},
        "s3:ListBucket": {"CapturesBucket", "OutcomesBucket"},
        "s3:PutObject": {"CapturesBucket/comparisons/*"},
        "dynamodb:GetItem": {"Ledger"},
        "dynamodb:PutItem": {"Ledger"},
        "dynamodb:UpdateItem": {"Ledger"},
        "dynamodb:DeleteItem": {"Ledger"},
        "states:SendTaskSuccess": {"RolloutMachine"},
        "cloudwatch:GetMetricData": {"*"},
        "cloudwatch:DescribeAlarms": {"cloudwatch:alarm:noriba-taxi-eta-endpoint-latency"},
        "sqs:SendMessage": {"DeadLettersQueue"},
        **USE_KEY,
    },
    "UpdateLiveMeans": {
        "s3:GetObject": {"CapturesBucket/noriba-taxi-eta/*", "CapturesBucket/live/*", "OutcomesBucket/outcomes/*"},
        "s3:ListBucket": {"CapturesBucket", "OutcomesBucket"},
        "s3:PutObject": {"CapturesBucket/live/*"},
        "dynamodb:PutItem": {"Ledger"},
        "sqs:SendMessage": {"DeadLettersQueue"},
        **USE_KEY,
    },
    "CompactObservations": {
        "s3:GetObject": {"CapturesBucket/*", "OutcomesBucket/*", "ObservationsBucket/*"},
        "s3:ListBucket": {"CapturesBucket", "OutcomesBucket", "ObservationsBucket"},
        "s3:PutObject": {
            "ObservationsBucket/predictions/*",
            "ObservationsBucket/answers/*",
            "ObservationsBucket/outcomes/*",
        },
        "sqs:SendMessage": {"DeadLettersQueue"},
        **USE_KEY,
    },
    "PlanMonitoring": {
        "dynamodb:GetItem": {"Ledger"},
        "s3:GetObject": {"ModelsBucket/*", "ObservationsBucket/measurements/*"},
        "s3:ListBucket": {"ObservationsBucket"},
        "sagemaker:DescribeModelPackage": PACKAGES,
        **USE_KEY,
    },
    "MeasureTraffic": {
        "dynamodb:GetItem": {"Ledger"},
        "dynamodb:PutItem": {"Ledger"},
        "athena:GetQueryResults": {WORKGROUP},
        "s3:GetObject": {
            "ModelsBucket/*",
            "ObservationsBucket/measurements/*",
            "ObservationsBucket/reports/*",
            "ObservationsBucket/results/*",
        },
        "s3:ListBucket": {"ObservationsBucket"},
        "s3:PutObject": {"ObservationsBucket/measurements/*", "ObservationsBucket/reports/*"},
        "sagemaker:DescribeModelPackage": PACKAGES,
        "events:PutEvents": {"Bus"},
        **USE_KEY,
    },
    "ExplainPrediction": {
        "lambda:InvokeFunction": {"CompactObservationsFunction"},
        **QUERIES,
        "athena:GetQueryResults": {WORKGROUP},
        "s3:GetObject": {
            *(f"ObservationsBucket/{folder}/*" for folder in ("predictions", "outcomes", "results")),
            "OutcomesBucket/metrics/*",
            "ModelsBucket/*",
        },
        "s3:ListBucket": {"ObservationsBucket", "OutcomesBucket"},
        "sagemaker:DescribeModelPackage": PACKAGES,
        "sagemaker:InvokeEndpoint": PRODUCTION,
    },
    "GatherTraffic": {
        "s3:GetObject": {
            "ObservationsBucket/predictions/*",
            "ObservationsBucket/outcomes/*",
            "RawBucket/taxi_eta/traffic/*",
        },
        "s3:ListBucket": {"ObservationsBucket"},
        "s3:PutObject": {"ObservationsBucket/gathered/*", "RawBucket/taxi_eta/traffic/*"},
        "s3:DeleteObjectVersion": {"RawBucket/taxi_eta/traffic/*"},
        "dynamodb:Query": {"Ledger"},
        "sqs:SendMessage": {"DeadLettersQueue"},
        **USE_KEY,
    },
    "TidyRollouts": {
        "dynamodb:GetItem": {"Ledger"},
        "dynamodb:UpdateItem": {"Ledger"},
        "dynamodb:DeleteItem": {"Ledger"},
        "events:PutEvents": {"Bus"},
        "states:DescribeExecution": {"states:execution:<RolloutMachine.Name>:*"},
        "sagemaker:ListEndpoints": {"*"},
        "sagemaker:ListEndpointConfigs": {"*"},
        "sagemaker:ListModels": {"*"},
        "sagemaker:DescribeEndpoint": {*PRODUCTION, *STAGING},
        "sagemaker:DeleteEndpoint": STAGING,
        "sagemaker:UpdateEndpoint": {*PRODUCTION, *CONFIGURATIONS},
        "sagemaker:DescribeEndpointConfig": CONFIGURATIONS,
        "sagemaker:DeleteEndpointConfig": CONFIGURATIONS,
        "sagemaker:DeleteModel": MODELS,
        "kms:CreateGrant": {"Key"},
        **USE_KEY,
    },
    "CheckLiveModels": {
        "cloudformation:DescribeStacks": {"<AWS::StackId>"},
        "s3:GetObject": {"ModelsBucket/features/*"},
        "sagemaker:InvokeEndpoint": PRODUCTION,
        **READ_KEY,
    },
    "Predict": {
        "dynamodb:GetItem": {"Ledger"},
        "s3:GetObject": {"ModelsBucket/features/*"},
        "sagemaker:InvokeEndpoint": PRODUCTION,
        **READ_KEY,
    },
    "RecordOutcome": {"events:PutEvents": {"Bus"}},
    "DescribeService": {"sagemaker:DescribeEndpoint": PRODUCTION},
}

MACHINE = {
    "events:PutEvents": {"Bus"},
    **TRACING,
    "xray:GetSamplingRules": {"*"},
    "xray:GetSamplingTargets": {"*"},
    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
    "logs:CreateLogDelivery": {"*"},
    "logs:DeleteLogDelivery": {"*"},
    "logs:DescribeLogGroups": {"*"},
    "logs:DescribeResourcePolicies": {"*"},
    "logs:GetLogDelivery": {"*"},
    "logs:ListLogDeliveries": {"*"},
    "logs:PutResourcePolicy": {"*"},
    "logs:UpdateLogDelivery": {"*"},
}
JOB_RULES = {f"events:rule/StepFunctionsGetEventsForSageMaker{kind}JobsRule" for kind in ("Training", "Processing")}
CONTAINER = {
    "ecr:BatchCheckLayerAvailability": IMAGES,
    "ecr:BatchGetImage": IMAGES,
    "ecr:GetDownloadUrlForLayer": IMAGES,
    "ecr:GetAuthorizationToken": {"*"},
    "cloudwatch:PutMetricData": {"*"},
    "logs:CreateLogGroup": {"logs:log-group:/aws/sagemaker/*"},
    "logs:CreateLogStream": {"logs:log-group:/aws/sagemaker/*"},
    "logs:DescribeLogStreams": {"logs:log-group:/aws/sagemaker/*"},
    "logs:PutLogEvents": {"logs:log-group:/aws/sagemaker/*"},
}

OTHERS: dict[str, dict[str, set[str]]] = {
    "IngestRole": {
        **MACHINE,
        "lambda:InvokeFunction": {
            "PlanIngestFunction",
            "TransformFeaturesFunction",
            "CommitSnapshotFunction",
            "RefuseObjectFunction",
        },
        "states:StartExecution": {"IngestMachine"},
        "states:DescribeExecution": {
            "states:execution:<IngestMachine.Name>/*",
            "states:execution:<IngestMachine.Name>:*",
        },
        "states:StopExecution": {"states:execution:<IngestMachine.Name>/*", "states:execution:<IngestMachine.Name>:*"},
    },
    "SettleRole": {
        **MACHINE,
        "lambda:InvokeFunction": {"FindUnsettledFunction", "CommitSnapshotFunction", "RefuseObjectFunction"},
        "dynamodb:UpdateItem": {"Ledger"},
        **USE_KEY,
    },
    "TrainRole": {
        **MACHINE,
        "lambda:InvokeFunction": {"RegisterCandidateFunction"},
        "dynamodb:GetItem": {"Ledger"},
        "dynamodb:UpdateItem": {"Ledger"},
        **USE_KEY,
        "sagemaker:CreateTrainingJob": {"sagemaker:training-job/*"},
        "sagemaker:DescribeTrainingJob": {"sagemaker:training-job/*"},
        "sagemaker:StopTrainingJob": {"sagemaker:training-job/*"},
        "sagemaker:CreateProcessingJob": {"sagemaker:processing-job/*"},
        "sagemaker:DescribeProcessingJob": {"sagemaker:processing-job/*"},
        "sagemaker:StopProcessingJob": {"sagemaker:processing-job/*"},
        "sagemaker:AddTags": {"sagemaker:training-job/*", "sagemaker:processing-job/*"},
        "sagemaker:ListTags": {"sagemaker:training-job/*", "sagemaker:processing-job/*"},
        "ecr:BatchGetImage": IMAGES,
        "iam:PassRole": {"JobsRole"},
        "events:PutRule": JOB_RULES,
        "events:PutTargets": JOB_RULES,
        "events:DescribeRule": JOB_RULES,
    },
    "RolloutRole": {
        **MACHINE,
        "lambda:InvokeFunction": {"CheckGoldenRequestsFunction", "JudgeRolloutFunction"},
        "states:DescribeExecution": {"states:execution:<RolloutMachine.Name>:*"},
        "states:SendTaskFailure": {"RolloutMachine"},
        "dynamodb:GetItem": {"Ledger"},
        "dynamodb:PutItem": {"Ledger"},
        "dynamodb:UpdateItem": {"Ledger"},
        "dynamodb:DeleteItem": {"Ledger"},
        **USE_KEY,
        "kms:CreateGrant": {"Key"},
        "iam:PassRole": {"ModelsRole"},
        "sagemaker:DescribeModelPackage": PACKAGES,
        "sagemaker:CreateModel": MODELS,
        "sagemaker:DeleteModel": MODELS,
        "sagemaker:CreateEndpointConfig": CONFIGURATIONS,
        "sagemaker:DescribeEndpointConfig": CONFIGURATIONS,
        "sagemaker:DeleteEndpointConfig": {"sagemaker:endpoint-config/noriba-taxi-eta-staging-*"},
        "sagemaker:CreateEndpoint": {*PRODUCTION, *STAGING, *CONFIGURATIONS},
        "sagemaker:UpdateEndpoint": {*PRODUCTION, *CONFIGURATIONS},
        "sagemaker:UpdateEndpointWeightsAndCapacities": PRODUCTION,
        "sagemaker:DescribeEndpoint": {*PRODUCTION, *STAGING},
        "sagemaker:DeleteEndpoint": STAGING,
    },
    "TidyRole": {
        **{action: resources for action, resources in MACHINE.items() if action != "events:PutEvents"},
        "lambda:InvokeFunction": {"TidyRolloutsFunction"},
    },
    "MonitorRole": {
        **{action: resources for action, resources in MACHINE.items() if action != "events:PutEvents"},
        "lambda:InvokeFunction": {"PlanMonitoringFunction", "CompactObservationsFunction", "MeasureTrafficFunction"},
        **QUERIES,
    },
    "JobsRole": {
        **CONTAINER,
        "s3:GetObject": {"DatasetsBucket/*", "ModelsBucket/*"},
        "s3:ListBucket": {"DatasetsBucket", "ModelsBucket"},
        "s3:PutObject": {"ModelsBucket/*"},
        **USE_KEY,
        "kms:Encrypt": {"Key"},
        "kms:CreateGrant": {"Key"},
    },
    "ModelsRole": {
        **CONTAINER,
        "s3:GetObject": {"ModelsBucket/*"},
        "s3:PutObject": {"CapturesBucket/noriba-taxi-eta/*"},
        **USE_KEY,
    },
    "Approver": {
        "sagemaker:DescribeModelPackage": PACKAGES,
        "sagemaker:UpdateModelPackage": PACKAGES,
        "sagemaker:ListModelPackages": PACKAGES,
        "sagemaker:DescribeModelPackageGroup": {"GroupTaxiEta"},
    },
    **{
        f"{name}Role": {
            "s3:AbortMultipartUpload": {f"OutcomesBucket/{prefix}/*", "OutcomesBucket/failed/*"},
            "s3:GetBucketLocation": {"OutcomesBucket"},
            "s3:ListBucket": {"OutcomesBucket"},
            "s3:ListBucketMultipartUploads": {"OutcomesBucket"},
            "s3:GetObject": {f"OutcomesBucket/{prefix}/*", "OutcomesBucket/failed/*"},
            "s3:PutObject": {f"OutcomesBucket/{prefix}/*", "OutcomesBucket/failed/*"},
            "logs:PutLogEvents": {f"logs:log-group:{name}Logs:log-stream:errors"},
            **USE_KEY,
        }
        for name, prefix in (("OutcomeArchive", "outcomes"), ("MetricArchive", "metrics"))
    },
    **{
        f"{name}Sender": {"firehose:PutRecord": {f"{name}Stream"}, "firehose:PutRecordBatch": {f"{name}Stream"}}
        for name in ("OutcomeArchive", "MetricArchive")
    },
    **{
        f"{name}EventsRole": {"states:StartExecution": {f"{name}Machine"}}
        for name in ("Ingest", "Settle", "Train", "Rollout", "Tidy", "Monitor")
    },
}

ROLES = sorted([*OTHERS, *(f"{function}Role" for function in FUNCTIONS)])


def expected_grants(role: str) -> dict[str, set[str]]:
    if role in OTHERS:
        return OTHERS[role]
    function = role.removesuffix("Role")
    logs = {f"{function}Logs"}
    return {**FUNCTIONS[function], **TRACING, "logs:CreateLogStream": logs, "logs:PutLogEvents": logs}
