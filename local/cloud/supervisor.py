"""`python -m local up`: brings the parts up, tells where they are, and takes them down again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer
from werkzeug.wrappers import Request, Response

from local.cloud import bridge, instance
from local.cloud.api.gateway import Gateway
from local.cloud.aws import CREDENTIALS, Clients
from local.cloud.backing import Sandbox, SandboxClock, StartError, Valkey
from local.cloud.front_door import FrontDoor
from local.cloud.identity import Identity
from local.cloud.moto_aws.seams import executions, import_moto, moto_application, point_moto_at
from local.cloud.processes import Children
from local.cloud.serving import bind
from local.cloud.stack.deployer import deploy
from local.cloud.stack.intrinsics import TemplateError
from local.cloud.stack.permissions import Permissions
from local.cloud.stack.resources import Stack
from local.cloud.stack.template import TransformProcess
from local.cloud.stack.verbs import JWKS_PATH, LocalVerbs
from local.cloud.telemetry import Telemetry
from local.cloud.ticker import Ticker, deleter, deliverer, stored_schedules
from local.cloud.workers import forks
from local.cloud.workers.failed_calls import FailedCalls
from local.cloud.workers.runtime import Runtime
from local.console.doors import ROLES, Doors
from local.console.guard import ADDRESS
from local.release import PARAMETER, release_id

STACK = "campaign-automation-local"
AUDIENCE = "campaign-automation"
USERS = {
    "user_123": ["viewer", "buyer"],
    "user_456": ["viewer", "buyer"],
    "operator": ["operator"],
}
MCP_PATHS = {"customer": "/api/v1/mcp", "standard": "/mcp"}
SECRETS: dict[str, dict[str, Any]] = {
    "campaign-automation/local/meta": {"app_id": "900000000000001", "app_secret": "sandbox-meta-app-secret"},
    "campaign-automation/local/tiktok": {},
    # Demand Gen ads show a name and a logo, which the accounts of the sandbox do not tell.
    "campaign-automation/local/google": {
        "accounts": {
            "1230000003": {"business_name": "Trail Shop", "logo_url": "{web_platform}/files/creative_1.png"},
            "4560000003": {"business_name": "Laufladen", "logo_url": "{web_platform}/files/creative_101.png"},
        }
    },
    "campaign-automation/local/web-platform": {"token": "sandbox-service-token"},
    "campaign-automation/local/gemini": {"api_key": "sandbox-gemini-key"},
}
# Known before anything runs; the rest is passed at deployment.
EARLY_PARAMETERS = {
    "Stage": "local",
    "JwtAudience": AUDIENCE,
    "CacheCluster": "false",
    "SpecialAdCategories": "NONE",
    "EuPoliticalAdvertising": "false",
    "AccountDailyBudgetCaps": "USD:1000000,EUR:1000000",
    "PlatformCallLimits": "tiktok:1000",  # as many as the sandbox takes until limits are enforced there
    "ApproveOwnProposals": "true",  # its users are alone in their tenants
    "PreloadPlatforms": "",  # no snapshot here: a function loads the SDK that it uses, when it does
    "AccountConnectUrl": "https://web-platform.example/ad-accounts/{platform}",
}
LATER_PARAMETERS = (
    "JwtIssuer",
    "PublicUrl",
    "JwksUrl",
    "McpUrl",
    "GeminiEndpoint",
    "MetaGraphUrl",
    "TikTokApiUrl",
    "GoogleAdsEndpoint",
    "CacheUrl",
    "AwsEndpointUrl",
    "ClockUrl",
)
TICK_SECONDS = 1.0


@dataclass(frozen=True)
class Options:
    """The options of `up`. With `parent`, the cloud ends when that process is no longer its parent; with
    `follow_clock` what is due fires by itself when the sandbox's clock is moved; with `bridge`, functions in
    containers reach it at that address too; `parameters` are the template's."""

    directory: Path
    template: Path
    port: int = 0
    mcp: str = "customer"
    parent: int | None = None
    follow_clock: bool = False
    bridge: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


class _Stop(BaseException):
    """A signal asked us to end."""


def run(options: Options) -> int:
    """Run a local cloud in the foreground until a signal ends it. The exit code for the shell."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _raise_stop)
    # Our own clients read these too, and must not meet a developer's ~/.aws.
    os.environ.update(CREDENTIALS)
    try:
        with instance.held(options.directory), ExitStack() as stack:
            cloud = _LocalCloud(options, stack)
            instance.publish(options.directory, cloud.info, cloud.sam_environment())
            print(cloud.containers_are_told(), flush=True)
            print(f"console: {cloud.info['api_url']}{ADDRESS}", flush=True)
            print(f"ready: API {cloud.info['api_url']}, AWS {cloud.info['aws_endpoint']}", flush=True)
            return cloud.watch()
    except _Stop:
        return 0
    except (TemplateError, StartError, instance.AlreadyRunningError, OSError) as error:
        print(f"local cloud: {error}", file=sys.stderr)
        return 1


class _LocalCloud:
    """All parts of one running cloud; `stack` takes them down in reverse order."""

    def __init__(self, options: Options, stack: ExitStack) -> None:
        self._options = options
        self._stack = stack
        self._telemetry = Telemetry()
        forks.prepare(is_bare=forks.BARE in os.environ)
        stack.callback(forks.stop)
        self._children = Children()
        stack.callback(self._children.stop)
        # Three processes start while this one spends its seconds on importing moto.
        early = early_parameters(options.template, options.parameters)
        transform = TransformProcess(options.template, early, LATER_PARAMETERS)
        stack.callback(transform.stop)
        self._sandbox = Sandbox(self._children, options.directory)
        self._valkey = Valkey(self._children, options.directory)
        import_moto()
        api_server = self._bind(options.port)
        self._api_url = _url(api_server)
        self._runtime = Runtime(self._children, self._telemetry)
        stack.callback(self._runtime.stop)
        self._front_door = self._open_front_door()
        self._identity = Identity(self._api_url, AUDIENCE)
        self._sandbox_urls = self._sandbox.wait()
        self._redis_url = self._valkey.wait()
        self._clock = SandboxClock(self._sandbox_urls["admin"])
        self._failed_calls = FailedCalls(self._aws, lambda: self._front_door.permissions)
        self._runtime.on_ended = self._failed_calls
        self._ticker = self._make_ticker()
        self._api_server = api_server
        self._deploying = threading.Lock()
        self._archive = options.directory / "published"
        shutil.rmtree(self._archive, ignore_errors=True)
        self._deploy(transform.result(), early)
        self._fill_secrets()
        for kind, reason in self._deployment.skipped.items():
            print(f"skipped on purpose: {kind} ({reason})", flush=True)
        self._serve(api_server)
        stack.callback(_every(TICK_SECONDS, self._background_tick))
        self.info = self._info()
        self._open_to_containers()

    def watch(self) -> int:
        """Stay until the parent is gone (0) or one of the servers has ended by itself (1)."""
        servers = {"sandbox": self._sandbox.process, "valkey": self._valkey.process}
        while True:
            for name, process in servers.items():
                if process.poll() is not None:
                    log = self._options.directory / f"{name}.log"
                    print(f"local cloud: the {name} process ended, see {log}", file=sys.stderr)
                    return 1
            if self._options.parent not in (None, os.getppid()):
                return 0
            threading.Event().wait(0.3)

    def _bind(self, port: int) -> BaseWSGIServer:
        server = bind(port, _not_ready)
        self._stack.callback(server.server_close)
        return server

    def _serve(self, server: BaseWSGIServer) -> None:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        self._stack.callback(server.shutdown)

    def _open_front_door(self) -> FrontDoor:
        server = self._bind(0)
        point_moto_at(server.port)
        self._aws_endpoint = _url(server)
        self._aws = Clients(self._aws_endpoint)
        front_door = FrontDoor(moto_application(), self._runtime)
        server.app = front_door
        self._serve(server)
        return front_door

    def _make_ticker(self) -> Ticker:
        deliver = deliverer(self._runtime, self._aws, lambda: self._front_door.permissions)
        ticker = Ticker(stored_schedules, deliver, deleter(self._aws))
        self._front_door.on_schedule_created = lambda group, name: ticker.created(
            group, name, self._clock.now()
        )
        return ticker

    def _deploy_again(self, request: dict[str, Any]) -> dict[str, str]:
        path = Path(request.get("template", self._options.template))
        early = early_parameters(path, {**self._options.parameters, **request.get("parameters", {})})
        with self._deploying:
            transform = TransformProcess(path, early, LATER_PARAMETERS)
            self._deploy(transform.result(), early, onto=self._deployment.stack)
        return early

    def _deploy(self, template: dict[str, Any], early: dict[str, str], onto: Stack | None = None) -> None:
        parameters = {**early, **self._later_parameters()}
        self._deployment = deploy(template, parameters, STACK, self._aws, archive=self._archive, onto=onto)
        stack = self._deployment.stack
        self._runtime.deploy(stack.served())
        self._failed_calls.destinations = stack.destinations
        self._front_door.permissions = Permissions(stack.statements())
        self._api_server.app = self._api()

    def _fill_secrets(self) -> None:
        secrets = self._aws["secretsmanager"]
        for name, value in SECRETS.items():
            try:
                secrets.put_secret_value(SecretId=name, SecretString=self._filled(value))
            except secrets.exceptions.ResourceNotFoundException:
                raise TemplateError(f"the template makes no secret named {name}") from None

    def _filled(self, secret: dict[str, Any]) -> str:
        return json.dumps(secret).replace("{web_platform}", self._sandbox_urls["web_platform"])

    def _later_parameters(self) -> dict[str, str]:
        path = MCP_PATHS.get(self._options.mcp)
        return {
            "JwtIssuer": self._api_url,
            "PublicUrl": self._api_url,
            "JwksUrl": self._api_url + JWKS_PATH,
            "McpUrl": f"{self._sandbox_urls['web_platform']}{path}" if path else "",
            "GeminiEndpoint": self._sandbox_urls["gemini"],
            "MetaGraphUrl": self._sandbox_urls["meta"],
            "TikTokApiUrl": self._sandbox_urls["tiktok"] + "/open_api/v1.3",
            "GoogleAdsEndpoint": self._sandbox_urls["google"],
            "CacheUrl": self._redis_url,
            "AwsEndpointUrl": self._aws_endpoint,
            "ClockUrl": self._sandbox.clock_file.as_uri(),  # which each invocation reads
        }

    def _open_to_containers(self) -> None:
        address = self._options.bridge
        if address not in (None, bridge.DESKTOP):
            called = self._seen_from_container(self.info["environment"])
            self._stack.callback(bridge.Relays(address, bridge.ports_of(called)).close)

    def containers_are_told(self) -> str:
        """Return the line of `up` on sam local: where its containers reach this cloud."""
        if self._options.bridge is None:
            return "containers: no bridge of Docker or Podman here, nothing listens but on loopback"
        return f"containers: reach this cloud at {self._options.bridge}, as .local/sam-env.json says"

    def _api(self) -> LocalVerbs:
        apis = list(self._deployment.stack.apis.values())
        if len(apis) != 1:
            raise TemplateError(f"the gateway serves exactly one API, the template has {len(apis)}")
        gateway = Gateway(apis[0], self._runtime)
        return LocalVerbs(
            gateway,
            self._identity,
            self._telemetry,
            self._ticker,
            self._clock,
            self._front_door.usage,
            self._deploy_again,
            lambda request: self._console(request),
        )

    def sam_environment(self) -> dict[str, dict[str, str]]:
        """Return the variables of each function by its logical id, as a container is to have them."""
        address = self._options.bridge or bridge.LOOPBACK
        return {
            name.removeprefix(f"{STACK}-"): bridge.reached_at(
                address, self._seen_from_container(function.environment)
            )
            for name, function in self._deployment.stack.functions.items()
        }

    def _seen_from_container(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the variables with the clock's address in place of its file, which a container lacks."""
        clock = {"CLOCK_URL": self._sandbox_urls["admin"] + "/clock"} if "CLOCK_URL" in environment else {}
        return {**environment, **clock}

    def _background_tick(self) -> None:
        now = self._clock.followed if self._options.follow_clock else self._clock.assumed
        self._ticker.tick_after(now)

    @cached_property
    def _console(self) -> Callable[[Request], Response]:
        from local.console.app import Console  # with the table of actions, which nobody else here needs

        return Console(self._doors(), self._api_server.port)

    def _doors(self) -> Doors:
        def move(change: Callable[[], object]) -> list[dict[str, Any]]:
            def moved() -> datetime:
                change()
                return self._clock.followed()

            return [firing.as_dict() for firing in self._ticker.tick_after(moved)]

        return Doors(
            api_url=self._api_url,
            admin_url=self._sandbox_urls["admin"],
            token=lambda user: self._identity.token(user, roles=[*ROLES]),
            move=move,
            fire=lambda name: self._ticker.fire(name, self._clock.now()).as_dict(),
            schedules=lambda: [asdict(item) for item in stored_schedules()],
            executions=executions,
            metrics=self._telemetry.metrics,
        )

    def _info(self) -> dict[str, Any]:
        return {
            "api_url": self._api_url,
            # Read where a parameter names the claim of roles.
            "tokens": {user: self._identity.token(user, roles=roles) for user, roles in USERS.items()},
            "aws_endpoint": self._aws_endpoint,
            "redis_url": self._redis_url,
            "sandbox": self._sandbox_urls,
            "environment": {**self._deployment.environment, **CREDENTIALS},
            "outputs": self._deployment.outputs,
            "pid": os.getpid(),
        }


def early_parameters(template: Path, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what is known before anything runs, and the id of the release that lies beside `template`."""
    values = {**EARLY_PARAMETERS, **(given or {})}
    beside = (template.parent / folder for folder in ("layers", "functions", "statemachines"))
    return {PARAMETER: release_id([template, *beside], values), **values}


def _raise_stop(number: int, frame: Any) -> None:
    # A second signal must not cut the taking down short.
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise _Stop


def _every(seconds: float, act: Callable[[], None]) -> Callable[[], None]:
    """Call `act` again and again in the background; gives the function that ends it."""
    ended = threading.Event()

    def loop() -> None:
        while not ended.wait(seconds):
            try:
                act()
            except Exception as error:
                if not ended.is_set():
                    print(f"local cloud: {error!r}", file=sys.stderr)

    threading.Thread(target=loop, daemon=True).start()
    return ended.set


def _not_ready(environ: Any, start_response: Any) -> list[bytes]:
    start_response("503 Service Unavailable", [("Content-Length", "0")])
    return [b""]


def _url(server: BaseWSGIServer) -> str:
    return f"http://127.0.0.1:{server.port}"
