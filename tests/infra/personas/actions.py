"""What the rows of the matrix mean: the calls that an action makes, each under the conditions that IAM would see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.constructs.api_stage import STAGE
from tests.infra.personas.account import ACCOUNT, REGION
from tests.infra.personas.simulator import Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.infra.personas.account import Account


_HERE = f"{REGION}:{ACCOUNT}"
_PACKAGE = f"arn:aws:sagemaker:{_HERE}:model-package/noriba-taxi-eta/3"
_ENDPOINT = f"arn:aws:sagemaker:{_HERE}:endpoint/noriba-taxi-eta"
_CONFIGURATION = f"arn:aws:sagemaker:{_HERE}:endpoint-config/noriba-taxi-eta-v3-1"
_JOB = f"arn:aws:sagemaker:{_HERE}:training-job/noriba-taxi-eta-1"
_TABLE = f"arn:aws:glue:{_HERE}:table/noriba/{{}}"
_STACK = f"arn:aws:cloudformation:{_HERE}:stack/noriba-data/1"
_LOOKED_UP = (
    "lambda:GetAccountSettings",
    "servicequotas:ListServiceQuotas",
    "tag:GetResources",
    "logs:DescribeLogGroups",
)
_KEYS = ("use_case", "entry")


def describe_actions(account: Account) -> Mapping[str, Sequence[Request]]:
    """The calls of each action, by the action's name; the first is what it is about, others belong to it."""
    describe = _Describe(account)
    return {
        **describe.registry(),
        **describe.data(),
        **describe.training(),
        **describe.production(),
        **describe.records(),
        **describe.the_account(),
    }


class _Describe:
    def __init__(self, account: Account) -> None:
        def machine(name: str) -> str:
            return account.arn("AWS::StepFunctions::StateMachine", f"{name}Machine")

        self._arn = account.arn
        self._machine = machine
        self._key = account.arn("AWS::KMS::Key", "Key")
        self._ledger = account.arn("AWS::DynamoDB::Table", "Ledger")
        self._bus = account.arn("AWS::Events::EventBus", "Bus")
        self._decrypt, self._encrypt = Request("kms:Decrypt", self._key), Request("kms:GenerateDataKey", self._key)
        self._roles = account.roles

    # --- parts --------------------------------------------------------------------------------------------------------

    def _object(self, bucket: str, key: str) -> str:
        return f"{self._arn('AWS::S3::Bucket', f'{bucket}Bucket')}/{key}"

    def _read(self, bucket: str, key: str) -> list[Request]:
        return [Request("s3:GetObject", self._object(bucket, key)), self._decrypt]

    def _write(self, bucket: str, key: str) -> list[Request]:
        return [Request("s3:PutObject", self._object(bucket, key)), self._encrypt]

    def _delete(self, bucket: str, key: str) -> list[Request]:
        return [Request("s3:DeleteObjectVersion", self._object(bucket, key), {"s3:versionid": "v"})]

    def _execution(self, action: str, machine: str) -> Request:
        execution = self._machine(machine).replace(":stateMachine:", ":execution:")
        return Request(f"states:{action}", f"{execution}:some-execution")

    def _query(self, table: str, workgroup: str, result: str) -> list[Request]:
        return [
            *self._read("Observations", f"{table}/use_case=taxi_eta/a.parquet"),
            Request("athena:StartQueryExecution", f"arn:aws:athena:{_HERE}:workgroup/{workgroup}"),
            Request("glue:GetTable", _TABLE.format(table)),
            *self._write("Observations", result),
        ]

    def _start(self, machine: str) -> list[Request]:
        return [Request("states:StartExecution", self._machine(machine))]

    def _say(self, source: str, kind: str) -> list[Request]:
        return [Request("events:PutEvents", self._bus, {"events:source": [source], "events:detail-type": [kind]})]

    def _change(self, action: str, *attributes: str) -> list[Request]:
        only = {"dynamodb:Attributes": [*_KEYS, *attributes]}
        return [Request(f"dynamodb:{action}", self._ledger, only), self._decrypt, self._encrypt]

    def _decide(self, action: str, status: str, *, on: str = _PACKAGE) -> Request:
        return Request(f"sagemaker:{action}", on, {"sagemaker:ModelApprovalStatus": status})

    def _pass(self, role: str, service: str) -> list[Request]:
        return [Request("iam:PassRole", role, {"iam:PassedToService": f"{service}.amazonaws.com"})]

    def _invoke(self, function: str) -> Request:
        return Request("lambda:InvokeFunction", self._arn("AWS::Lambda::Function", f"{function}Function"))

    # --- rows ---------------------------------------------------------------------------------------------------------

    def registry(self) -> dict[str, list[Request]]:
        """Candidates, and who decides on them."""
        return {
            "approve a model": [self._decide("UpdateModelPackage", "Approved")],
            "reject a model": [self._decide("UpdateModelPackage", "Rejected")],
            "edit a model's record": [Request("sagemaker:UpdateModelPackage", _PACKAGE)],
            "register a candidate": [self._decide("CreateModelPackage", "PendingManualApproval")],
            "register an approved model": [self._decide("CreateModelPackage", "Approved")],
            "take the approver's role": [Request("sts:AssumeRole", self._roles["Approver"].role)],
            "read a model's record": [Request("sagemaker:DescribeModelPackage", _PACKAGE)],
            "read a model's artifact": self._read("Models", "taxi_eta/job/output/model.tar.gz"),
            "write a model's artifact": self._write("Models", "taxi_eta/job/output/model.tar.gz"),
        }

    def data(self) -> dict[str, list[Request]]:
        """From raw files to snapshots."""
        erase = [one for name in ("Raw", "Datasets", "Quarantine") for one in self._delete(name, "taxi_eta/a.parquet")]
        return {
            "land a file": self._write("Raw", "taxi_eta/a.parquet"),
            "read raw trips": self._read("Raw", "taxi_eta/a.parquet"),
            "read the quarantine": self._read("Quarantine", "taxi_eta/a.parquet"),
            "erase a landed file": [*erase, *self._change("UpdateItem", "status", "reason", "record")],
            "read a snapshot's rows": self._read("Datasets", "taxi_eta/parts/0.parquet"),
            "read a snapshot's manifest": self._read("Datasets", "taxi_eta/snapshots/1/manifest.json"),
            "write a snapshot": self._write("Datasets", "taxi_eta/snapshots/1/manifest.json"),
            "announce a snapshot": self._say("noriba.data", "DatasetSnapshotCreated"),
            "settle what was landed": [*self._start("Settle"), self._execution("DescribeExecution", "Settle")],
            "gather traffic": [self._invoke("GatherTraffic"), self._invoke("CompactObservations")],
        }

    def training(self) -> dict[str, list[Request]]:
        """Asking for training, deciding on it, doing it."""
        return {
            "ask for training": self._say("noriba.monitoring", "RetrainingRequested"),
            "decide to train": self._say("noriba.monitoring", "RetrainingDecided"),
            "start TRAIN by hand": self._start("Train"),
            "start a training job": [Request("sagemaker:CreateTrainingJob", _JOB)],
            "look at a training job": [Request("sagemaker:DescribeTrainingJob", _JOB)],
            "pass the jobs' role": self._pass(self._roles["JobsRole"].role, "sagemaker"),
            "list training runs": [Request("states:ListExecutions", self._machine("Train"))],
            "look at a training run": [self._execution("DescribeExecution", "Train")],
            "look into a training run": [self._execution("GetExecutionHistory", "Train")],
            "try a training run again": [self._execution("RedriveExecution", "Train")],
            "try a rollout again": [self._execution("RedriveExecution", "Rollout")],
        }

    def production(self) -> dict[str, list[Request]]:
        """Endpoints, rollouts, what is asked and answered."""
        board = f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/noriba-taxi-eta-{REGION}"
        monitor = [*self._start("Monitor"), self._execution("DescribeExecution", "Monitor")]
        api = self._arn("AWS::ApiGateway::RestApi", "OperatorsApi").rpartition("/")[2]
        why = f"arn:aws:execute-api:{_HERE}:{api}/{STAGE}/GET/v1/taxi_eta/predictions/1/why"
        return {
            "ask the model": [Request("sagemaker:InvokeEndpoint", _ENDPOINT)],
            "look at the endpoint": [Request("sagemaker:DescribeEndpoint", _ENDPOINT)],
            "look at the endpoint's configuration": [Request("sagemaker:DescribeEndpointConfig", _CONFIGURATION)],
            "update the endpoint": [
                Request("sagemaker:UpdateEndpoint", _ENDPOINT),
                Request("sagemaker:UpdateEndpoint", _CONFIGURATION),
            ],
            "shift weights between variants": [Request("sagemaker:UpdateEndpointWeightsAndCapacities", _ENDPOINT)],
            "delete the endpoint": [Request("sagemaker:DeleteEndpoint", _ENDPOINT)],
            "pass the models' role": self._pass(self._roles["ModelsRole"].role, "sagemaker"),
            "begin a rollout by hand": self._start("Rollout"),
            "look at a rollout": [
                Request("states:ListExecutions", self._machine("Rollout")),
                self._execution("DescribeExecution", "Rollout"),
            ],
            "stop a rollout": [self._execution("StopExecution", "Rollout")],
            "hold a rollout": self._change("UpdateItem", "execution", "paused"),
            "read a comparison": self._read("Captures", "comparisons/noriba-taxi-eta/1/shadow.json"),
            "write captures": self._write("Captures", "noriba-taxi-eta/v3/a.jsonl"),
            "read captures": self._read("Captures", "noriba-taxi-eta/v3/a.jsonl"),
            "delete captures": self._delete("Captures", "noriba-taxi-eta/v3/a.jsonl"),
            "query answers": self._query("answers", "noriba-shown", "results/shown/1.csv"),
            "query predictions": self._query("predictions", "noriba", "results/1.csv"),
            "query predictions where answers are": self._query("predictions", "noriba-shown", "results/shown/1.csv"),
            "read what another's query found": self._read("Observations", "results/1.csv"),
            "read what apps reported": self._read("Outcomes", "outcomes/2026/07/01/00/a.jsonl"),
            "ask why": [Request("execute-api:Invoke", why)],
            "have production looked at": monitor,
            "read the monitor's report": self._read("Observations", "reports/use_case=taxi_eta/latest.json"),
            "see alarms": [Request("cloudwatch:DescribeAlarms", "*")],
            "see a dashboard": [Request("cloudwatch:GetDashboard", board), Request("cloudwatch:GetMetricData", "*")],
            "count events that could not be delivered": [
                Request("sqs:GetQueueAttributes", self._arn("AWS::SQS::Queue", "DeadLettersQueue"))
            ],
            "count executions": [
                Request("states:ListExecutions", self._machine(name)) for name in ("Ingest", "Train", "Rollout")
            ],
        }

    def records(self) -> dict[str, list[Request]]:
        """What was done, and by whom."""
        logs = f"arn:aws:logs:{_HERE}:log-group:{{}}:log-stream:1"
        return {
            "read the ledger": [Request("dynamodb:Query", self._ledger), self._decrypt],
            "write a champion into the ledger": self._change("PutItem", "model_package_arn", "endpoint_config"),
            "look up the trail": [Request("cloudtrail:LookupEvents", "*")],
            "read logs": [
                Request("logs:FilterLogEvents", logs.format("noriba-serving-PredictLogs-1")),
                Request("logs:FilterLogEvents", logs.format("/aws/vendedlogs/states/noriba-training-Train")),
                Request("cloudformation:ListStackResources", _STACK),
            ],
            "read a training job's log": [Request("logs:FilterLogEvents", logs.format("/aws/sagemaker/TrainingJobs"))],
            "publish to the operators' topic": [Request("sns:Publish", self._arn("AWS::SNS::Topic", "Operators"))],
        }

    def the_account(self) -> dict[str, list[Request]]:
        """What only an owner does."""
        function = self._arn("AWS::Lambda::Function", "RegisterCandidateFunction")
        bucket, topic = self._arn("AWS::S3::Bucket", "RawBucket"), self._arn("AWS::SNS::Topic", "Operators")
        deployer = f"arn:aws:iam::{ACCOUNT}:role/cdk-hnb659fds-deploy-role-{ACCOUNT}-{REGION}"
        return {
            "deploy": [Request("sts:AssumeRole", deployer)],
            "find the deployment": [Request("cloudformation:DescribeStacks", _STACK)],
            "look what the account lacks": [
                Request("ssm:GetParameter", f"arn:aws:ssm:{_HERE}:parameter/cdk-bootstrap/hnb659fds/version"),
                *(Request(action, "*") for action in _LOOKED_UP),
            ],
            "see who is told of alarms": [Request("sns:ListSubscriptionsByTopic", topic)],
            "pass any other role": self._pass(f"arn:aws:iam::{ACCOUNT}:role/somebody-else-s", "lambda"),
            "replace a function's code": [Request("lambda:UpdateFunctionCode", function)],
            "rewrite a bucket's policy": [Request("s3:PutBucketPolicy", bucket)],
            "rewrite a role's policy": [Request("iam:PutRolePolicy", self._roles["JobsRole"].role)],
            "rewrite who may take the approver's role": [
                Request("iam:UpdateAssumeRolePolicy", self._roles["Approver"].role)
            ],
            "disable the key": [Request("kms:DisableKey", self._key)],
        }
