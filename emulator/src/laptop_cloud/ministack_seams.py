"""The seams of MiniStack: the only place that spells its private names.

MiniStack offers no plug-in interface, so what it lacks is added through its own tables and functions. Every name the
laptop cloud relies on is a member of `Seam`; `check_seams` names each one that has moved. What the names mean is kept
behind the functions below, and behind `wrap` and `reach` for the extensions.

MiniStack reads its settings when it is imported, and it is imported on the first use of a seam: set the environment
before that (`laptop_cloud.server` does).

State in MiniStack belongs to one account and region, held in context variables. They are set while a request is
served and while a Step Functions task or a CloudFormation resource runs; a background thread must enter `in_scope`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import time
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    Response = tuple[int, dict[str, str], bytes]
    """Status, headers and body of an HTTP answer."""

    ServiceHandler = Callable[[str, str, dict[str, str], bytes, dict[str, list[str]]], Awaitable[Response]]
    """Serves one request: method, path, headers (names in lower case), body, query parameters."""

    TaskIntegration = Callable[[str, dict[str, Any]], Any]
    """Runs one Task state: its resource ARN, suffixes such as `.sync` included, and its input; answers its output."""

    Properties = dict[str, Any]
    CreateResource = Callable[[str, Properties, str], tuple[str, Properties]]
    """Creates a resource: logical id, properties, stack name; answers physical id (`Ref`) and attributes."""
    UpdateResource = Callable[[str, Properties, Properties, str], tuple[str, Properties]]
    """Updates in place: physical id, old and new properties, stack name; answers like `CreateResource`."""
    DeleteResource = Callable[[str, Properties], None]
    """Deletes a resource: physical id and properties; deleting what is gone already is no error."""

    Function = Callable[..., Any]

MINISTACK_VERSION = "1.5.33"


class Seam(Enum):
    """Every name of MiniStack that the laptop cloud relies on, as `<module below ministack>:<name>`."""

    # The application: its ASGI callable, the handlers by service, the patterns that route a request to a service.
    APPLICATION = "app:app"
    SERVICE_HANDLERS = "app:SERVICE_HANDLERS"
    SERVICE_PATTERNS = "core.router:SERVICE_PATTERNS"
    # Sessions of roles, by access key; whether policies are asked, what is known of a request's origin, how old its
    # signature is, whether one may do something, whose key a request bears and who that is, the resource that it is
    # about, and the keys of conditions.
    SESSIONS = "services.sts:register_session"
    AUTHORIZATION = "app:AUTH"
    REQUEST_ORIGIN = "app:pin_request_origin"
    SIGNATURE_AGE = "core.sigv4:request_time_failure"
    ENFORCE = "core.iam_evaluator:enforce"
    ACCESS_KEY = "core.router:extract_access_key_id"
    KEY_OWNER = "core.iam_evaluator:resolve_caller_identity"
    REQUEST_RESOURCE = "core.iam_actions:extract_resource_arn"
    REQUEST_CONTEXT = "core.iam_actions:request_tag_context"
    # The policy of a resource, who asks it for what, and its answer.
    RESOURCE_POLICY = "core.iam_evaluator:_resource_policy"
    POLICY_CONTEXT = "core.iam_evaluator:EvalContext"
    EVALUATE_RESOURCE_POLICY = "core.iam_evaluator:evaluate_resource_policy"
    # What a condition's key stands for, the roles by name, and who signed the request.
    CONDITION_KEY = "core.iam_evaluator:_resolve_condition_key"
    ROLES = "services.iam:_roles"
    CALLER = "core.iam_evaluator:caller_arn"
    PINNED_CALLER = "core.iam_evaluator:_request_caller_arn"
    EVALUATE_TRUST = "core.iam_evaluator:evaluate_trust_policy"
    # Several policies at once, read and asked; whose a key is, what is known of them, the account of a session's key;
    # what may always be asked, and what a refusal by a policy that is not the caller's says.
    EVALUATE = "core.iam_evaluator:evaluate"
    PARSE_POLICY = "core.iam_evaluator:parse_policy_document"
    CREDENTIAL = "core.iam_evaluator:resolve_credential"
    PRINCIPAL_KEYS = "core.iam_evaluator:_principal_keys"
    SESSION_ACCOUNT = "core.responses:_account_from_sts_session"
    NEVER_DENIED = "core.iam_evaluator:_ALWAYS_ALLOWED_ACTIONS"
    DENIAL_MESSAGE = "core.iam_actions:_resource_policy_denial"
    # Organizations: its calls by name, make the organisation that an account manages, forget all; what is in it.
    ORGANIZATION_CALLS = "services.organizations:_DISPATCH"
    BEGIN_ORGANIZATION = "services.organizations:_ensure_org"
    FORGET_ORGANIZATIONS = "services.organizations:reset"
    ORGANIZATIONS = "services.organizations:_orgs"
    ORGANIZATION_ROOTS = "services.organizations:_roots"
    ORGANIZATION_UNITS = "services.organizations:_ous"
    ORGANIZATION_ACCOUNTS = "services.organizations:_accounts"
    ORGANIZATION_POLICIES = "services.organizations:_policies"
    ORGANIZATION_ATTACHMENTS = "services.organizations:_attachments"
    FULL_ACCESS = "services.organizations:FULL_ACCESS_POLICY_ID"
    # Whose state is meant.
    SCOPE = "core.responses:request_scope"
    ACCOUNT = "core.responses:get_account_id"
    REGION = "core.responses:get_region"
    # CloudFormation: handlers by type, create-only properties by type, what reads a resource to find drift, generated
    # names, the outputs of a stack, and whether a type is made on a thread instead of the event loop.
    RESOURCE_HANDLERS = "services.cloudformation.provisioners:_RESOURCE_HANDLERS"
    REPLACING_PROPERTIES = "services.cloudformation.provisioners:_REPLACING_PROPERTIES"
    DRIFT_READERS = "services.cloudformation.drift:_DRIFT_READERS"
    GENERATED_NAME = "services.cloudformation.provisioners:_physical_name"
    STACK_OUTPUTS = "services.cloudformation.stacks:_resolve_stack_outputs"
    ON_WORKER_THREAD = "services.cloudformation.stacks:_runs_on_worker_thread"
    # Step Functions: integrations by resource prefix, what runs one Task state, the error that fails it, the hook at
    # every change of an execution's status, the executions and the definitions they run.
    SDK_TASK = "services.stepfunctions:_invoke_aws_sdk_integration"
    INVOKE_RESOURCE = "services.stepfunctions:_invoke_resource"
    TASK_INTEGRATIONS = "services.stepfunctions:_SERVICE_DISPATCH"
    EXECUTE_TASK = "services.stepfunctions:_execute_task"
    TASK_ERROR = "services.stepfunctions:_ExecutionError"
    WAIT_SCALE = "services.stepfunctions:_SFN_WAIT_SCALE"
    EXECUTION_STATUS = "services.stepfunctions:_emit_execution_status_event"
    TASK_TOKENS = "services.stepfunctions:_task_tokens"
    EXECUTIONS = "services.stepfunctions:_executions"
    LIST_EXECUTIONS = "services.stepfunctions:_list_executions"
    STATE_MACHINES = "services.stepfunctions:_state_machines"
    FAIL_EXECUTION = "services.stepfunctions:_fail_execution"
    EXECUTION_HISTORY = "services.stepfunctions:_add_event"
    FIND_STATE_MACHINE = "services.stepfunctions:_resolve_state_machine_arn"
    RUN_EXECUTION = "services.stepfunctions:_run_execution"
    WAIT = "services.stepfunctions:_scaled_sleep"
    WAIT_FOR_ANSWER = "services.stepfunctions:_invoke_with_callback"
    # What a state's fields stand for: its language, its input, and its paths or expressions filled in.
    STATE_LANGUAGE = "services.stepfunctions:_state_query_language"
    STATE_INPUT = "services.stepfunctions:_apply_input_path"
    FILL_PATHS = "services.stepfunctions:_resolve_params_obj"
    FILL_EXPRESSIONS = "services.stepfunctions:_apply_jsonata_template"
    # EventBridge: publish, hand one event to the rules, hand it to the archives, deliver it to one target.
    PUT_EVENTS = "services.eventbridge:_put_events"
    DISPATCH_EVENT = "services.eventbridge:_dispatch_event"
    ARCHIVE_EVENT = "services.eventbridge:_archive_event"
    INVOKE_TARGET = "services.eventbridge:_invoke_target"
    TO_LAMBDA = "services.eventbridge:_dispatch_to_lambda"
    EVENT_VIEW = "services.eventbridge:_pattern_event_view"
    TRANSFORM_INPUT = "services.eventbridge:_apply_input_transformer"
    EVENT_BUSES = "services.eventbridge:_event_buses"
    EVENT_BUS_POLICIES = "services.eventbridge:_event_bus_policies"
    PUBLISHED_EVENTS = "services.eventbridge:_events_log_list"
    EVENT_RESOURCES = "core.iam_actions:eventbridge_resource_arns"
    CREATE_ARCHIVE = "services.eventbridge:_create_archive"
    UPDATE_ARCHIVE = "services.eventbridge:_update_archive"
    DELETE_ARCHIVE = "services.eventbridge:_delete_archive"
    # DynamoDB: the tables, their policies, make one, and what is done with items; the words of an expression, the
    # conditions of one that stand beside each other, and what is wrong with one.
    DYNAMODB_TABLES = "services.dynamodb:_tables"
    TABLE_POLICIES = "services.dynamodb:_resource_policies"
    PUT_TABLE_POLICY = "services.dynamodb:_put_resource_policy"
    CREATE_TABLE = "services.dynamodb:_create_table"
    GET_ITEM = "services.dynamodb:_get_item"
    PUT_ITEM = "services.dynamodb:_put_item"
    UPDATE_ITEM = "services.dynamodb:_update_item"
    DELETE_ITEM = "services.dynamodb:_delete_item"
    QUERY_ITEMS = "services.dynamodb:_query"
    EXPRESSION_TOKENS = "services.dynamodb:_tokenize"
    KEY_CONDITIONS = "services.dynamodb:_key_condition_clauses"
    EXPRESSION_FAULT = "services.dynamodb:_condition_syntax_error"
    # Keys and their aliases, and what is done with one.
    KEYS = "services.kms:_keys"
    KEY_ALIASES = "services.kms:_aliases"
    DESCRIBE_KEY = "services.kms:_describe_key"
    ENCRYPT = "services.kms:_encrypt"
    DECRYPT = "services.kms:_decrypt"
    GENERATE_DATA_KEY = "services.kms:_generate_data_key"
    GENERATE_WRAPPED_KEY = "services.kms:_generate_data_key_without_plaintext"
    # Scheduled rules: the rules and their targets, what looks through them now and then, and what a schedule means.
    RULES = "services.eventbridge:_rules"
    RULE_TARGETS = "services.eventbridge:_targets"
    TICK_RULES = "services.eventbridge:_tick_scheduled_rules"
    RATE_SECONDS = "services.eventbridge:_parse_rate_seconds"
    CRON_FIELDS = "services.eventbridge:_parse_cron_fields"
    NEXT_CRON = "services.eventbridge:_cron_next_fire"
    # Modules that others use by name: what starts threads, and what tells how long a worker has been idle.
    LAMBDA_THREADS = "services.lambda_svc:threading"
    S3_THREADS = "services.s3:threading"
    SNS_THREADS = "services.sns:_threading"
    WORKER_TIME = "core.lambda_runtime:time"
    # S3: one notification of a bucket; a page of a listing; what is written down of a key's versions; an object, and
    # what a Range header asks of it.
    S3_EVENT = "services.s3:_fire_s3_event"
    BUCKETS = "services.s3:_buckets"
    LIST_ENTRIES = "services.s3:_collect_list_entries"
    KEY_HISTORY = "services.s3:_key_history_meta"
    READ_OBJECT = "services.s3:_get_object_data"
    GET_OBJECT = "services.s3:_get_object"
    PUT_OBJECT = "services.s3:_put_object"
    S3_ERROR = "services.s3:_error"
    PARSE_RANGE = "services.s3:_parse_range"
    # Whose a bucket is, and whether somebody from another account is let in.
    BUCKET_OWNER = "services.s3:_bucket_owner_account"
    FOREIGN_BUCKET_ALLOWS = "services.s3:_foreign_bucket_allows"
    # Athena: the catalogue's tables, the queries by id; take a query, find its tables and their files, and read one's
    # words.
    TABLES = "services.glue:_tables"
    QUERIES = "services.athena:_executions"
    START_QUERY = "services.athena:_start_query_execution"
    FIND_TABLES = "services.athena:_rewrite_data_paths"
    FIND_FILES = "services.athena:_materialize_table_files"
    SQL_TOKENS = "services.athena:_sql_tokens"
    # Lambda: find a function by ARN, run one invocation, run it with retries, its metrics, logs and workers.
    FIND_FUNCTION = "services.lambda_svc:_get_func_record_for_ref"
    EVENT_SOURCE_MAPPINGS = "services.lambda_svc:_esms"
    FUNCTION_VERSION = "services.lambda_svc:_execution_record_for_config"
    FUNCTIONS = "services.lambda_svc:_functions"
    RUN_FUNCTION = "services.lambda_svc:_execute_function_dispatch"
    RUN_IN_WORKER = "services.lambda_svc:_execute_function_warm"
    RUN_ASYNCHRONOUSLY = "services.lambda_svc:invoke_async_with_retry"
    RESERVE_CONCURRENCY = "services.lambda_svc:_put_function_concurrency"
    FETCH_CODE = "services.lambda_svc:_fetch_code_from_s3"
    FIND_LAYER = "services.lambda_svc:_find_layer_version"
    LAYER_CODE = "services.lambda_svc:_resolve_layer_zip"
    LAMBDA_METRICS = "services.lambda_svc:_emit_lambda_metrics"
    LAMBDA_LOGS = "services.lambda_svc:_emit_lambda_logs"
    WORKER = "core.lambda_runtime:Worker"
    WORKER_CLASS = "core.lambda_runtime:_worker_class_for"
    LEASE_WORKER = "core.lambda_runtime:acquire_worker"
    RETURN_WORKER = "core.lambda_runtime:release_worker"
    END_WORKERS = "core.lambda_runtime:reset"
    CREDENTIALS = "core.lambda_runtime:execution_credentials"
    # REST APIs: what an address says and who serves it; serve one request for the API's owner, find its method and ask
    # what is behind, ask a function, shape its answer, the errors that the gateway itself gives and how they are
    # written; a method's limits in its stage; the APIs by id.
    API_ADDRESS = "app:_parse_execute_api_url"
    API_REQUEST = "app:_handle_execute_api_request"
    API_EXECUTION = "services.apigateway_v1:_handle_execute_in_scope"
    API_ROUTING = "services.apigateway_v1:_execute_in_scope"
    API_ASK_FUNCTION = "services.apigateway_v1:_call_lambda_raw"
    API_FUNCTION_ANSWER = "services.apigateway_v1:_lambda_proxy_response"
    API_ERROR = "services.apigateway_v1:_GatewayError"
    API_ERROR_ANSWER = "services.apigateway_v1:_gateway_error_response"
    API_METHOD_LIMITS = "services.apigateway_v1:_method_throttle_settings"
    REST_APIS = "services.apigateway_v1:_rest_apis"
    # Logs and metrics.
    CREATE_LOG_GROUP = "services.cloudwatch_logs:_create_log_group"
    CREATE_LOG_STREAM = "services.cloudwatch_logs:_create_log_stream"
    PUT_LOG_EVENTS = "services.cloudwatch_logs:_put_log_events"
    APPEND_LOG_EVENTS = "services.cloudwatch_logs:_append_log_events"
    FILTER_LOG_EVENTS = "services.cloudwatch_logs:_filter_log_events"
    LOG_GROUPS = "services.cloudwatch_logs:_log_groups"
    RECORD_METRIC = "services.cloudwatch:record_metric"
    STORE_DATUM = "services.cloudwatch:_store_datum"
    METRICS = "services.cloudwatch:_metrics"
    DIMENSIONS_KEY = "services.cloudwatch:_dims_key"
    EVICT_METRICS = "services.cloudwatch:_evict_old_metrics"
    POINT_STATISTICS = "services.cloudwatch:_calc_stats"
    STATISTIC = "services.cloudwatch:_stat_value"
    # Alarms: evaluate one or all, what a change of state sets off, and the record of it.
    ALARMS = "services.cloudwatch:_alarms"
    COMPOSITE_ALARMS = "services.cloudwatch:_composite_alarms"
    EVALUATE_ALARM = "services.cloudwatch:_evaluate_alarm"
    EVALUATE_ALARMS = "services.cloudwatch:_evaluate_all_alarms"
    ALARM_ACTIONS = "services.cloudwatch:_dispatch_alarm_actions"
    ALARM_HISTORY = "services.cloudwatch:_record_history"
    PARENT_ALARMS = "services.cloudwatch:_evaluate_parent_alarms"
    PUT_COMPOSITE_ALARM = "services.cloudwatch:_put_composite_alarm"
    DELETE_ALARMS = "services.cloudwatch:_delete_alarms"
    ALARM_OF_TEMPLATE = "services.cloudformation.provisioners:_cw_metric_alarm_record"
    # Queues and delivery streams.
    QUEUES = "services.sqs:_queues"
    FIND_QUEUE = "services.sqs:_queue_by_arn"
    SEND_MESSAGE = "services.sqs:_act_send_message"
    COUNT_MESSAGES = "services.sqs:_refresh_counts"
    TOPICS = "services.sns:_topics"
    DELIVERY_STREAMS = "services.firehose:_streams"
    PUT_RECORD = "services.firehose:_put_record"
    DELIVER_RECORDS = "services.firehose:_deliver_records_to_s3"
    DELIVER_BLOCK = "services.firehose:_deliver_to_s3"
    FIND_PARTITION = "services.firehose:_metadata_extraction_keys"
    PROCESS_RECORDS = "services.firehose:_apply_lambda_processors"


class SeamMovedError(RuntimeError):
    """MiniStack is not the version the laptop cloud is made for, or a private name of it is gone."""


def check_seams(seams: Iterable[Enum] = Seam) -> None:
    """Compare the installed MiniStack with what the laptop cloud relies on.

    Args:
        seams: all of them, unless given.

    Raises:
        SeamMovedError: another version is installed, or names are missing; the message lists all of them.
    """
    faults = []
    version = importlib.metadata.version("ministack")
    if version != MINISTACK_VERSION:
        faults.append(f"its version is {version}, not {MINISTACK_VERSION}")
    for seam in seams:
        module, name = _place(seam)
        if not hasattr(importlib.import_module(module), name):
            faults.append(f"{module}.{name} ({seam.name}) is gone")
    if faults:
        raise SeamMovedError("MiniStack is not what the laptop cloud is made for: " + "; ".join(faults))


def reach(seam: Seam) -> Any:
    """What stands at a seam now: a function, class, table or store of MiniStack."""
    module, name = _place(seam)
    return getattr(importlib.import_module(module), name)


def wrap(seam: Seam, around: Callable[[Function], Function]) -> None:
    """Put a function of one's own in the place of MiniStack's; `around` is given the one that stood there."""
    module, name = _place(seam)
    setattr(importlib.import_module(module), name, around(reach(seam)))


def replace(seam: Seam, instead: object) -> None:
    """Put something of one's own in the place of what is no function, a module that MiniStack uses by name."""
    module, name = _place(seam)
    setattr(importlib.import_module(module), name, instead)


def _place(seam: Enum) -> tuple[str, str]:
    module, _, name = seam.value.partition(":")
    return f"ministack.{module}", name


# --- account and region ----------------------------------------------------------------------------------------------


def current_account() -> str:
    """The 12-digit account that the current request, task or scope acts for."""
    account: str = reach(Seam.ACCOUNT)()
    return account


def current_region() -> str:
    """The region that the current request, task or scope acts for."""
    region: str = reach(Seam.REGION)()
    return region


def in_scope(account: str, region: str) -> AbstractContextManager[None]:
    """Act for an account and region in a `with` block; what a background thread needs before it touches any state."""
    scope: AbstractContextManager[None] = reach(Seam.SCOPE)(account, region)
    return scope


def all_records(store: Seam) -> Iterator[tuple[str, str, Any, Any]]:
    """What a store holds for every account and region: account, region, key, record."""
    for (account, region, key), record in reach(store).all_items():
        yield account, region, key, record


def records_by_account(store: Seam) -> Iterator[tuple[str, str, Any]]:
    """What a store holds that knows accounts and no regions: account, key, record."""
    for (account, key), record in reach(store).to_dict().items():
        yield account, key, record


def complete_records(store: Seam, complete: Callable[[dict[str, Any]], None]) -> None:
    """Do more to every record that is put into a store, from now on, before anybody finds it there.

    Args:
        store: that holds records by account, and region where it has one, and key.
        complete: changes a record in place.
    """
    keep_records(store, _CompletedRecords(complete))


def keep_records(store: Seam, records: dict[Any, Any]) -> None:
    """Let a store keep its records in a dictionary of one's own, by account, region where it has one, and key.

    Args:
        store: that holds records.
        records: gets what the store holds; must be one dictionary to all threads.
    """
    held = reach(store)
    records.update(held._data)  # noqa: SLF001 -- every way into a store ends in this dictionary
    held._data = records  # noqa: SLF001 -- as above


class _CompletedRecords(dict[Any, Any]):
    """What a store keeps its records in; MiniStack puts them there by these three methods."""

    def __init__(self, complete: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._complete = complete

    def __setitem__(self, key: Any, record: Any) -> None:
        self._complete(record)
        super().__setitem__(key, record)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        if key not in self:
            self._complete(default)
        return super().setdefault(key, default)

    def update(self, *given: Any, **named: Any) -> None:
        for key, record in dict(*given, **named).items():
            self[key] = record


# --- requests --------------------------------------------------------------------------------------------------------


def read_request(body: bytes) -> dict[str, Any]:
    """What a request in JSON says; nothing where it cannot be read, which its service will tell."""
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


# --- services --------------------------------------------------------------------------------------------------------


def register_service(
    name: str,
    handler: ServiceHandler,
    *,
    target_prefixes: Sequence[str] = (),
    host_patterns: Sequence[str] = (),
) -> None:
    r"""Answer an AWS service.

    Args:
        name: the service's SigV4 signing name (credential scope), `sagemaker` for both of SageMaker's clients.
        handler: serves its requests, on the event loop: what blocks belongs into `asyncio.to_thread`, which keeps the
            account and region. An exception becomes HTTP 500 `InternalError`.
        target_prefixes: what its `X-Amz-Target` header starts with, for services that speak AWS JSON.
        host_patterns: regular expressions on the host, for unsigned requests; `sagemaker\.` matches at label start.
    """
    patterns = {"target_prefixes": list(target_prefixes), "host_patterns": list(host_patterns)}
    reach(Seam.SERVICE_PATTERNS)[name] = patterns
    reach(Seam.SERVICE_HANDLERS)[name] = handler


# --- Step Functions --------------------------------------------------------------------------------------------------


def register_task_integration(resource_prefix: str, invoke: TaskIntegration) -> None:
    """Answer Task states whose resource starts with a prefix, such as `arn:aws:states:::sagemaker:createTrainingJob`.

    The longest matching prefix wins, so `…:createModel` does not swallow `…:createModelPackage`. `invoke` runs on the
    execution's own thread with its account and region set; it may block (that is what `.sync` does) and fails a task
    by raising `task_error`.
    """
    table = reach(Seam.TASK_INTEGRATIONS)
    table[resource_prefix] = invoke
    ordered = sorted(table.items(), key=lambda entry: len(entry[0]), reverse=True)
    table.clear()
    table.update(ordered)


def task_error(error: str, cause: str) -> Exception:
    """The exception that fails a Task state with an error name, which Retry and Catch match, and a cause."""
    failure: Exception = reach(Seam.TASK_ERROR)(error, cause)
    return failure


def wait_scale() -> float:
    """What part of its time a wait takes here, the same for state machines and for everything else that only waits."""
    scale: float = reach(Seam.WAIT_SCALE)
    return scale


# --- CloudFormation --------------------------------------------------------------------------------------------------


_our_types: set[str] = set()


def register_resource_type(
    type_name: str,
    create: CreateResource,
    delete: DeleteResource,
    update: UpdateResource | None = None,
    *,
    replacing_properties: Sequence[str] = (),
) -> None:
    """Let CloudFormation make resources of a type.

    The functions run on a worker thread with the stack's account and region set; an exception fails the resource with
    its text as the reason, and the stack rolls back.

    Args:
        type_name: such as `AWS::SageMaker::Endpoint`.
        create: makes the resource.
        delete: removes it.
        update: changes it in place; without it every change of a property must be among `replacing_properties`.
        replacing_properties: those whose change makes a new resource and then deletes the old one ("Update requires:
            Replacement" in the CloudFormation reference).
    """
    handlers: dict[str, Any] = {"create": create, "delete": delete}
    if update is not None:
        handlers["update"] = update
    if not _our_types:
        # MiniStack makes most resources on its event loop. Ours may call the cloud, which answers on that very loop.
        wrap(Seam.ON_WORKER_THREAD, lambda theirs: lambda name: name in _our_types or theirs(name))
    _our_types.add(type_name)
    reach(Seam.RESOURCE_HANDLERS)[type_name] = handlers
    reach(Seam.REPLACING_PROPERTIES)[type_name] = tuple(replacing_properties)


def complete_resource_type(type_name: str, complete: Callable[[str, Properties], None]) -> None:
    """Do more for a type that MiniStack makes itself: called with physical id and properties after create and update.

    An exception fails the resource, as in `register_resource_type`.
    """
    handlers = reach(Seam.RESOURCE_HANDLERS)[type_name]
    create, update = handlers["create"], handlers.get("update")

    def create_completely(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Properties]:
        made: tuple[str, Properties] = create(logical_id, properties, stack_name)
        complete(made[0], properties)
        return made

    def update_completely(
        physical_id: str, old: Properties, new: Properties, stack_name: str, *logical_id: str
    ) -> tuple[str, Properties]:
        made: tuple[str, Properties] = update(physical_id, old, new, stack_name, *logical_id)
        complete(made[0], new)
        return made

    handlers["create"] = create_completely
    if update is not None:
        handlers["update"] = update_completely


def identify_resource_type(
    type_name: str, identify: Callable[[str, Properties], str], name_of: Callable[[str], str]
) -> None:
    """Give a type that MiniStack makes itself the physical id (`Ref`) that it has on AWS, where that is not its name.

    Args:
        type_name: such as `AWS::Events::Rule`.
        identify: the physical id, from MiniStack's name and the properties.
        name_of: the name in a physical id.
    """
    handlers = reach(Seam.RESOURCE_HANDLERS)[type_name]
    create, update, delete = handlers["create"], handlers["update"], handlers["delete"]

    def create_identified(logical_id: str, properties: Properties, stack_name: str) -> tuple[str, Properties]:
        name, attributes = create(logical_id, properties, stack_name)
        return identify(name, properties), attributes

    def update_identified(
        physical_id: str, old: Properties, new: Properties, stack_name: str, *logical_id: str
    ) -> tuple[str, Properties]:
        name, attributes = update(name_of(physical_id), old, new, stack_name, *logical_id)
        return identify(name, new), attributes

    def delete_identified(physical_id: str, properties: Properties) -> None:
        delete(name_of(physical_id), properties)

    handlers.update(create=create_identified, update=update_identified, delete=delete_identified)
    readers = reach(Seam.DRIFT_READERS)
    if type_name in readers:
        read, read_properties = readers[type_name]
        readers[type_name] = (lambda physical_id, given: read(name_of(physical_id), given)), read_properties


def generated_name(stack_name: str, logical_id: str, *, max_length: int = 128, lowercase: bool = False) -> str:
    """The physical name of a resource whose template gives none: `<stack>-<logical id>-<suffix>`, stable per stack."""
    name: str = reach(Seam.GENERATED_NAME)(stack_name, logical_id, lowercase=lowercase, max_len=max_length)
    return name


# --- events, logs and metrics ----------------------------------------------------------------------------------------


def put_aws_event(
    source: str,
    detail_type: str,
    detail: Mapping[str, Any],
    *,
    resources: Sequence[str] = (),
    account: str = "",
    region: str = "",
) -> None:
    """Put an event of an AWS service (`aws.*`) on the default bus, as only AWS itself may.

    Args:
        source: such as `aws.sagemaker`.
        detail_type: such as `SageMaker Model Package State Change`.
        detail: JSON-serialisable.
        resources: ARNs.
        account: the current one unless given.
        region: the current one unless given.
    """
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": list(resources)}
    with in_scope(account or current_account(), region or current_region()):
        reach(Seam.PUT_EVENTS)({"Entries": [entry]}, allow_aws_source=True)


def put_log_events(group: str, stream: str, messages: Sequence[str]) -> None:
    """Append lines to a log stream of CloudWatch Logs, stamped now; group and stream are made when missing."""
    if stream not in (reach(Seam.LOG_GROUPS).get(group) or {"streams": ()})["streams"]:
        reach(Seam.CREATE_LOG_GROUP)({"logGroupName": group})  # answers an error, harmless, when it exists
        reach(Seam.CREATE_LOG_STREAM)({"logGroupName": group, "logStreamName": stream})
    now_ms = int(time.time() * 1000)
    events = [{"timestamp": now_ms, "message": message} for message in messages]
    reach(Seam.PUT_LOG_EVENTS)({"logGroupName": group, "logStreamName": stream, "logEvents": events})


def put_metric(namespace: str, name: str, value: float, *, unit: str = "None", dimensions: Mapping[str, str]) -> None:
    """Record one CloudWatch data point, stamped now; AWS's own namespaces (`AWS/SageMaker`) are allowed."""
    reach(Seam.RECORD_METRIC)(namespace, name, value, unit, dict(dimensions))


def alarm_state(name: str) -> str | None:
    """The state of a CloudWatch alarm, metric or composite; None when there is none of that name."""
    alarm = reach(Seam.ALARMS).get(name) or reach(Seam.COMPOSITE_ALARMS).get(name)
    return None if alarm is None else str(alarm["StateValue"])
