"""`make lint-deploy`: checkov on the transformed template, with everything that is optional in it.

The raw template hides what SAM makes of it, roles above all. A finding that SKIPS does not name fails, and a
skip that nothing needs any more. checkov runs in .venv-checkov, as it pins other versions.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local.cloud.stack.deployer import active_resources
from local.cloud.stack.intrinsics import Resolver, parameter_values, pseudo_parameters
from local.cloud.stack.template import transform

ROOT = Path(__file__).parents[1]
PARAMETERS = {
    "ReleaseId": "check",
    "JwtIssuer": "https://issuer.example",
    "JwtAudience": "audience",
    "JwksUrl": "https://issuer.example/keys",
    "AccountDailyBudgetCaps": "USD:100",
    "VpcId": "vpc-0a1b2c3d",
    "SubnetIds": "subnet-0a1b2c3d,subnet-1a2b3c4d",
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000",
    "AccessLogs": "true",
    "WafRequestLimit": "1000",
}
SKIPS = {
    "CKV_AWS_115": "A new account has ten executions at once in all; sweeps rest on their leases.",
    "CKV_AWS_116": "Callers get the failure; of scheduled functions it goes to a queue by EventInvokeConfig.",
    "CKV_AWS_117": "Only functions that use the cache stand in the VPC; others would gain nothing from it.",
    "CKV_AWS_120": "Answers are a tenant's own and current; a cache at the gateway would show old budgets.",
}


def main() -> int:
    """Print what checkov finds and SKIPS does not name; return the exit code."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")  # the transform asks for one
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template.json"
        template.write_text(
            json.dumps(decided(transform(ROOT / "template.yaml", PARAMETERS, ())), default=str)
        )
        findings = failed_checks(template)
    problems = judged(findings)
    print("\n".join(problems) or f"checkov: nothing but {', '.join(SKIPS)}, which have their reasons")
    return 1 if problems else 0


def decided(template: dict[str, Any]) -> dict[str, Any]:
    """Return the template as PARAMETERS make it: checkov decides no condition and reads defaults alone."""
    declared = template["Parameters"]
    values = {**pseudo_parameters("check"), **parameter_values(declared, PARAMETERS)}
    resources = active_resources(template["Resources"], Resolver(template, values))
    for resource in resources.values():
        resource.pop("Condition", None)
    given = {name: {**spec, "Default": values[name]} for name, spec in declared.items()}
    return {"Parameters": given, "Resources": resources}


def failed_checks(template: Path) -> list[dict[str, Any]]:
    """Run checkov offline and return its findings."""
    checkov = ROOT / ".venv-checkov" / "bin" / "checkov"
    options = ["--framework", "cloudformation", "--skip-download", "--output", "json", "--quiet"]
    done = subprocess.run([str(checkov), "-f", str(template), *options], capture_output=True, text=True)
    try:
        return list(json.loads(done.stdout)["results"]["failed_checks"])
    except (ValueError, KeyError, TypeError):
        raise SystemExit(f"checkov did not run:\n{done.stdout[-2000:]}{done.stderr[-2000:]}") from None


def judged(findings: Sequence[Mapping[str, Any]], skips: Mapping[str, str] = SKIPS) -> list[str]:
    """Return a line for each finding without a reason, and for each reason without a finding."""
    new = [
        f"{finding['check_id']} {finding['resource']}: {finding['check_name']}"
        for finding in findings
        if finding["check_id"] not in skips
    ]
    idle = sorted(set(skips) - {finding["check_id"] for finding in findings})
    return [*new, *(f"{check}: nothing needs this skip any more" for check in idle)]


if __name__ == "__main__":
    sys.exit(main())
