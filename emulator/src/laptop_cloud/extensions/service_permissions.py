"""What AWS's own services do with a resource, its policy must allow: they act as themselves and as nobody's role."""

from __future__ import annotations

from laptop_cloud.ministack_seams import Seam, current_account, current_region, reach


def find_service_refusal(service: str, action: str, resource: str, *, source: str) -> str | None:
    """Why a service may not do this; None where it may.

    Args:
        service: that acts, `events`.
        action: as policies name it, `lambda:InvokeFunction`.
        resource: its ARN, of the current account and region.
        source: the ARN on whose behalf it acts, which conditions ask about: a rule, an alarm, an API's method.
    """
    principal, account = f"{service}.amazonaws.com", source.split(":")[4]
    found = reach(Seam.RESOURCE_POLICY)(action.partition(":")[0], resource)
    context = reach(Seam.POLICY_CONTEXT)(
        principal_arn=principal,
        principal_type="Service",
        principal_account=current_account(),
        action=action,
        resource_arn=resource,
        region=current_region(),
        secure_transport=True,
        # A topic without a policy of its own lets in what the owner's account is the source of, under an older name.
        # https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
        service_context={"aws:sourcearn": source, "aws:sourceaccount": account, "aws:sourceowner": account},
    )
    policy = None if found is None else found[0]
    if reach(Seam.EVALUATE_RESOURCE_POLICY)(policy, context, service=principal).decision == "Allow":
        return None
    return f"{principal} is not authorized to perform: {action} on resource: {resource}, on behalf of {source}"
