"""Model cards: moto keeps and versions them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from moto.core.exceptions import ServiceException

from laptop_cloud.sagemaker.errors import ApiError, ValidationError
from laptop_cloud.sagemaker.platform import refuse
from laptop_cloud.sagemaker.shapes import as_moment

if TYPE_CHECKING:
    from laptop_cloud.sagemaker.platform import Platform
    from laptop_cloud.sagemaker.scopes import Scope


class Cards:
    """The API operations on model cards."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def create(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Write the first version of a card."""
        refuse("CreateModelCard", params, ["SecurityConfig"])
        _check_content(params)
        return {"ModelCardArn": self._ask(scope, "create_model_card", params, security_config=None, tags=[])}

    def describe(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """A version of a card, the latest unless `ModelCardVersion` says another."""
        found = self._ask(scope, "describe_model_card", params, model_card_version=None)
        versions = self._platform.records(scope).model_cards[params["ModelCardName"]]
        version = next(one for one in versions if one.model_card_version == found["ModelCardVersion"])
        # moto answers the time of creation for both.
        return {**found, "LastModifiedTime": version.last_modified_time}

    def list_cards(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """The latest versions of the cards of an account and region."""
        cards, token = self._ask(scope, "list_model_cards", _naive_times(params), **_LIST_DEFAULTS, name_contains=None)
        return {"ModelCardSummaries": [one.summary() for one in cards], "NextToken": token}

    def list_versions(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """All versions of a card."""
        versions, token = self._ask(scope, "list_model_card_versions", _naive_times(params), **_LIST_DEFAULTS)
        return {"ModelCardVersionSummaryList": [one.version_summary() for one in versions], "NextToken": token}

    def update(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Write the next version of a card; what the request does not name is taken from the latest."""
        _check_content(params)
        latest = self.describe(scope, {"ModelCardName": params["ModelCardName"]})
        full = {"Content": latest["Content"], "ModelCardStatus": latest["ModelCardStatus"], **params}
        return {"ModelCardArn": self._ask(scope, "update_model_card", full)}

    def delete(self, scope: Scope, params: dict[str, Any]) -> dict[str, Any]:
        """Remove a card with all its versions."""
        self._ask(scope, "delete_model_card", params)
        return {}

    def _ask(self, scope: Scope, method: str, params: dict[str, Any], **defaults: Any) -> Any:
        arguments = defaults | {xform_name(name): value for name, value in params.items()}
        try:
            return getattr(self._platform.records(scope), method)(**arguments)
        except ServiceException as error:
            raise ApiError(error.code or "ValidationException", error.message or str(error)) from error


_LIST_DEFAULTS = dict.fromkeys(
    ("creation_time_after", "creation_time_before", "model_card_status", "sort_by", "sort_order")
)


def _naive_times(params: dict[str, Any]) -> dict[str, Any]:
    # moto compares with times that have no zone and mean UTC.
    return {k: as_moment(v).replace(tzinfo=None) if k.startswith("CreationTime") else v for k, v in params.items()}


def _check_content(params: dict[str, Any]) -> None:
    try:
        json.loads(params.get("Content", "{}"))
    except ValueError as error:
        raise ValidationError(f"Content is not JSON: {error}") from error
